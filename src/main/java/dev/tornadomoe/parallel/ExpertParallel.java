package dev.tornadomoe.parallel;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.ActivationFormat;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.ExpertInput;
import dev.tornadomoe.modular.ModularException;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.PrepareAndFinalize;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.Support;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.modular.Travel;
import dev.tornadomoe.modular.Workspace;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// The two ends of a layer whose experts are divided among ranks. Prepare sends each token's row
/// once to every rank that holds some of its experts, as an all-to-all-v; finalize brings the
/// results back to the token's rank and sums them, as the [CombineMode] says.
///
/// Rows are sent from where they are (hidden states in native memory, the experts' results) and
/// received where they belong; what carries them decides whether they are copied in between. Made
/// by [ExpertParallelism].
final class ExpertParallel implements PrepareAndFinalize {
  /// MPI counts the bytes of a message with an int.
  private static final long MOST_BYTES = Integer.MAX_VALUE;

  /// Rows of this rank's tokens that can't be sent from where they are: shortened ones, and those
  /// in the Java heap.
  static final Operand SENT_ROWS = new Operand("sent_rows");

  /// For each row that is sent its experts there `[rows, k]`, I32.
  static final Operand SENT_IDS = new Operand("sent_ids");

  /// The router's weights beside them `[rows, k]`, where the experts weight their results.
  static final Operand SENT_WEIGHTS = new Operand("sent_weights");

  /// Shortened rows as they came in.
  static final Operand RECEIVED_CODES = new Operand("received_codes");

  /// The experts' rows `[N, H]`.
  static final Operand RECEIVED = new Operand("received");

  /// Their experts `[N, k]`, I32.
  static final Operand RECEIVED_IDS = new Operand("received_ids");

  /// Their weights `[N, k]`, where the experts weight their results.
  static final Operand RECEIVED_WEIGHTS = new Operand("received_weights");

  private final ExpertParallelism job;
  private final ExpertPlacement placement;
  private final MoeLayer part;
  private final int hidden;
  private final int topK;
  private final boolean sendsWeights;
  private final Exchange exchange;
  private final ReturnedRows returned;

  /// @param part this rank's part of the layer
  ExpertParallel(ExpertParallelism job, ExpertPlacement placement, MoeLayer part) {
    this.job = job;
    this.placement = placement;
    this.part = part;
    this.hidden = part.experts().hidden();
    this.topK = part.topK();
    this.sendsWeights = job.combine().sendsWeights(part);
    this.exchange = new Exchange(job, placement, hidden, topK, sendsWeights);
    this.returned = exchange.returned();
  }

  @Override
  public String name() {
    int ranks = job.ranks().size();
    return String.format(
        Locale.ROOT, "expert parallel, %d %s", ranks, ranks == 1 ? "rank" : "ranks");
  }

  @Override
  public ActivationFormat format() {
    return ActivationFormat.STANDARD;
  }

  @Override
  public boolean isLocal() {
    return false;
  }

  /// Pairs and sums are rows of the same size: nothing else would notice that they are the others.
  @Override
  public TopKWeightAndReduce resolve(TopKWeightAndReduce declared) {
    boolean areSums = declared instanceof TopKWeightAndReduce.NoOp;
    if (areSums != (job.combine() == CombineMode.RANK)) {
      throw new ModularException(
          String.format(
              Locale.ROOT,
              "\"%s\" that combines by %s needs experts that %s, found ones that %s",
              name(),
              job.combine(),
              areSums ? "leave their rows" : "weight and sum",
              areSums ? "weight and sum" : "leave their rows"));
    }
    return declared instanceof TopKWeightAndReduce.Delegate
        ? new TopKWeightAndReduce.Contiguous()
        : declared;
  }

  @Override
  public Support supports(Problem problem) {
    int held = placement.expertsOf(job.ranks().rank()).size();
    if (problem.localExperts() != held) {
      return Support.no(
          String.format(
              Locale.ROOT,
              "rank %d holds %d experts, but %d are here",
              job.ranks().rank(),
              held,
              problem.localExperts()));
    }
    long largest = largestMessage(problem.tokens());
    if (largest > MOST_BYTES) {
      return Support.no(
          String.format(
              Locale.ROOT,
              "%d tokens are messages of %d bytes, at most %d can be sent at once",
              problem.tokens(),
              largest,
              MOST_BYTES));
    }
    return Support.yes();
  }

  /// The longest message, where all tokens of a rank have experts of another.
  private long largestMessage(int tokens) {
    return Math.max(
        tokens * (long) rowAndIdBytes(),
        tokens * (long) returned.rowsOfToken() * hidden * Float.BYTES);
  }

  @Override
  public long carrierBytes(int tokens) {
    Communicator ranks = job.ranks();
    return IntStream.range(0, ranks.size())
        .filter(rank -> rank != ranks.rank())
        .mapToLong(rank -> ranks.carrierBytes(rank, largestMessage(tokens)))
        .sum();
  }

  private int rowAndIdBytes() {
    return job.format().rowBytes(hidden) + topK * job.combine().pairBytes(part);
  }

  /// Every rank may send all of its tokens here.
  @Override
  public int expertTokens(int tokens) {
    return Math.multiplyExact(tokens, job.ranks().size());
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    int tokens = problem.tokens();
    int received = expertTokens(tokens);
    // In the memory of ints: bytes are no type of the workspace.
    int codeInts = Math.ceilDiv(job.format().rowBytes(hidden), Integer.BYTES);
    List<Workspace> workspaces = new ArrayList<>();
    Shape sentPairs = Shape.of(tokens, Math.min(topK, job.ranks().size()), topK);
    workspaces.add(new Workspace(SENT_IDS, DType.I32, sentPairs));
    workspaces.add(new Workspace(SENT_ROWS, DType.I32, Shape.of(tokens, codeInts)));
    if (shortened()) {
      workspaces.add(new Workspace(RECEIVED_CODES, DType.I32, Shape.of(received, codeInts)));
    }
    workspaces.add(new Workspace(RECEIVED, DType.F32, Shape.of(received, hidden)));
    workspaces.add(new Workspace(RECEIVED_IDS, DType.I32, Shape.of(received, topK)));
    if (sendsWeights) {
      workspaces.add(new Workspace(SENT_WEIGHTS, DType.F32, sentPairs));
      workspaces.add(new Workspace(RECEIVED_WEIGHTS, DType.F32, Shape.of(received, topK)));
    }
    workspaces.addAll(returned.workspaces(tokens));
    return workspaces;
  }

  private boolean shortened() {
    return job.format() != DispatchFormat.F32;
  }

  @Override
  public ExpertInput expertInput(Operand input, @Nullable Operand weights) {
    return new ExpertInput(RECEIVED, RECEIVED_IDS, sendsWeights ? RECEIVED_WEIGHTS : null);
  }

  @Override
  public List<Operation> prepare(Operand input) {
    List<Access> accesses =
        new ArrayList<>(
            List.of(
                Access.read(input),
                Access.read(Operand.TOPK_IDS),
                Access.overwrite(SENT_ROWS),
                Access.overwrite(SENT_IDS)));
    if (sendsWeights) {
      accesses.add(Access.read(Operand.TOPK_WEIGHTS));
      accesses.add(Access.overwrite(SENT_WEIGHTS));
    }
    if (job.beginsEarly()) {
      arriving().forEach(operand -> accesses.add(Access.overwrite(operand)));
    }
    Operation send =
        new CustomOperation(
            "send rows", accesses, (memory, tokens) -> exchange.send(memory, input, tokens));
    return job.overlap() ? List.of(send) : List.of(send, receiveRows(input));
  }

  @Override
  public List<Operation> receive(Operand input) {
    return job.overlap() ? List.of(receiveRows(input)) : List.of();
  }

  /// What rows come in to.
  private List<Operand> arriving() {
    List<Operand> operands = new ArrayList<>(List.of(RECEIVED, RECEIVED_IDS));
    if (sendsWeights) {
      operands.add(RECEIVED_WEIGHTS);
    }
    if (shortened()) {
      operands.add(RECEIVED_CODES);
    }
    return operands;
  }

  /// Declares what is still on its way out as read: until then nobody may write over it.
  private Operation receiveRows(Operand input) {
    List<Access> accesses =
        new ArrayList<>(List.of(Access.read(input), Access.read(SENT_ROWS), Access.read(SENT_IDS)));
    if (sendsWeights) {
      accesses.add(Access.read(SENT_WEIGHTS));
    }
    arriving()
        .forEach(operand ->
            accesses.add(
                job.beginsEarly() ? Access.accumulate(operand) : Access.overwrite(operand)));
    return new CustomOperation(
        "receive rows", accesses, (memory, tokens) -> exchange.receive(memory, input));
  }

  @Override
  public List<Travel> travel(int tokens) {
    ExpectedTraffic expected = new ExpectedTraffic(placement, part, job.format(), tokens);
    return Arrays.stream(CombineMode.values())
        .map(mode -> expected.travel(mode, mode == job.combine()))
        .toList();
  }

  @Override
  public List<Operation> finish(TopKWeightAndReduce reduce, boolean weighted, Operand target) {
    List<Operation> operations = new ArrayList<>();
    operations.add(new CustomOperation("combine", returned.accesses(), exchange::combine));
    operations.addAll(returned.reduce(reduce, weighted, target));
    return operations;
  }
}
