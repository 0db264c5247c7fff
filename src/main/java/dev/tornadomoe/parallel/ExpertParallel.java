package dev.tornadomoe.parallel;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.ActivationFormat;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.ExpertInput;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.PrepareAndFinalize;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.Support;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.modular.Workspace;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The two ends of a layer whose experts are divided among ranks. Prepare sends each token's row
/// once to every rank that holds some of its experts, as an all-to-all-v; the experts stop before
/// weighting; finalize brings a row for each token and expert back to the token's rank, which
/// weights and sums them in the order of the slots. So a result does not depend on the number of
/// ranks, nor on who holds what: to the bit.
///
/// Rows are sent from where they are (hidden states in native memory, the experts' results) and
/// received where they belong; neither side copies them in between. Made by [ExpertParallelism].
final class ExpertParallel implements PrepareAndFinalize {
  /// MPI counts the bytes of a message with an int.
  private static final long MOST_BYTES = Integer.MAX_VALUE;

  /// Rows of this rank's tokens that can't be sent from where they are: shortened ones, and those
  /// in the Java heap.
  static final Operand SENT_ROWS = new Operand("sent_rows");

  /// For each row that is sent its experts there `[rows, k]`, I32.
  static final Operand SENT_IDS = new Operand("sent_ids");

  /// Shortened rows as they came in.
  static final Operand RECEIVED_CODES = new Operand("received_codes");

  /// The experts' rows `[N, H]`.
  static final Operand RECEIVED = new Operand("received");

  /// Their experts `[N, k]`, I32.
  static final Operand RECEIVED_IDS = new Operand("received_ids");

  /// Results `[M*k, H]`, in pair order.
  static final Operand COMBINED = new Operand("combined");

  private final ExpertParallelism job;
  private final ExpertPlacement placement;
  private final int hidden;
  private final int topK;
  private final Exchange exchange;

  ExpertParallel(ExpertParallelism job, ExpertPlacement placement, int hidden, int topK) {
    this.job = job;
    this.placement = placement;
    this.hidden = hidden;
    this.topK = topK;
    this.exchange = new Exchange(job, placement, hidden, topK);
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

  @Override
  public TopKWeightAndReduce resolve(TopKWeightAndReduce declared) {
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
    long largest =
        Math.max(
            problem.tokens() * (long) rowAndIdBytes(),
            problem.tokens() * (long) topK * hidden * Float.BYTES);
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

  private int rowAndIdBytes() {
    return job.format().rowBytes(hidden) + topK * Integer.BYTES;
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
    workspaces.add(
        new Workspace(
            SENT_IDS, DType.I32, Shape.of(tokens, Math.min(topK, job.ranks().size()), topK)));
    workspaces.add(new Workspace(SENT_ROWS, DType.I32, Shape.of(tokens, codeInts)));
    if (shortened()) {
      workspaces.add(new Workspace(RECEIVED_CODES, DType.I32, Shape.of(received, codeInts)));
    }
    workspaces.add(new Workspace(RECEIVED, DType.F32, Shape.of(received, hidden)));
    workspaces.add(new Workspace(RECEIVED_IDS, DType.I32, Shape.of(received, topK)));
    workspaces.add(
        new Workspace(COMBINED, DType.F32, Shape.of(Math.multiplyExact(tokens, topK), hidden)));
    return workspaces;
  }

  private boolean shortened() {
    return job.format() != DispatchFormat.F32;
  }

  @Override
  public ExpertInput expertInput(Operand input, @Nullable Operand weights) {
    return new ExpertInput(RECEIVED, RECEIVED_IDS, weights);
  }

  @Override
  public List<Operation> prepare(Operand input) {
    Operation send =
        new CustomOperation(
            "send rows",
            List.of(
                Access.read(input),
                Access.read(Operand.TOPK_IDS),
                Access.overwrite(SENT_ROWS),
                Access.overwrite(SENT_IDS)),
            (memory, tokens) -> exchange.send(memory, input, tokens));
    return job.overlap() ? List.of(send) : List.of(send, receiveRows(input));
  }

  @Override
  public List<Operation> receive(Operand input) {
    return job.overlap() ? List.of(receiveRows(input)) : List.of();
  }

  /// Declares what is still on its way out as read: until then nobody may write over it.
  private Operation receiveRows(Operand input) {
    List<Access> accesses =
        new ArrayList<>(
            List.of(
                Access.read(input),
                Access.read(SENT_ROWS),
                Access.read(SENT_IDS),
                Access.overwrite(RECEIVED),
                Access.overwrite(RECEIVED_IDS)));
    if (shortened()) {
      accesses.add(Access.overwrite(RECEIVED_CODES));
    }
    return new CustomOperation(
        "receive rows", accesses, (memory, tokens) -> exchange.receive(memory, input));
  }

  @Override
  public List<Operation> finish(TopKWeightAndReduce reduce, boolean weighted, Operand target) {
    List<Operation> operations = new ArrayList<>();
    operations.add(
        new CustomOperation(
            "combine",
            List.of(
                Access.read(Operand.FUSED_OUT),
                Access.read(RECEIVED_IDS),
                Access.overwrite(COMBINED)),
            (memory, tokens) -> exchange.combine(memory)));
    operations.addAll(reduce.operations(COMBINED, weighted ? Operand.TOPK_WEIGHTS : null, target));
    return operations;
  }
}
