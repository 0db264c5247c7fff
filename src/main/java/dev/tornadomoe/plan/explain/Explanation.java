package dev.tornadomoe.plan.explain;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.ExpertSide;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Travel;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.Buffer;
import dev.tornadomoe.plan.Liveness;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.PlanException;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.plan.Step;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What a plan does and why, for one token count: as text, JSON, DOT (Graphviz) or a picture.
public final class Explanation {
  private final MoePlan plan;
  private final int tokens;

  private final BucketPlan bucket;
  private final Liveness liveness;
  private final @Nullable String backend;
  private final @Nullable SessionMemory memory;

  private Explanation(MoePlan plan, int tokens) {
    this(plan, tokens, null, null);
  }

  /// What was planned and why, for decode with one token.
  ///
  /// @param plan of any layers
  /// @return the explanation of calls with one token
  public static Explanation of(MoePlan plan) {
    return of(plan, 1);
  }

  /// What was planned and why.
  ///
  /// @param plan of any layers
  /// @param tokens M of the calls it is about
  /// @return the explanation of calls with so many tokens
  /// @throws PlanException for more tokens than a call may have, or fewer than none
  public static Explanation of(MoePlan plan, int tokens) {
    return new Explanation(plan, tokens);
  }

  private Explanation(
      MoePlan plan, int tokens, @Nullable String backend, @Nullable SessionMemory memory) {
    if (tokens > plan.options().maxTokens()) {
      throw new PlanException(
          String.format(
              Locale.ROOT,
              "the plan is for calls of at most %d tokens, found %d",
              plan.options().maxTokens(),
              tokens));
    }
    this.plan = plan;
    this.tokens = tokens;
    // Calls with more tokens are cut into chunks; all but the last one use the last bucket.
    this.bucket = plan.bucket(Math.min(tokens, plan.options().chunkTokens()));
    this.liveness = Liveness.of(bucket.steps());
    this.backend = backend;
    this.memory = memory;
  }

  /// The same, with what a session takes.
  ///
  /// @param name of the backend
  /// @param taken what it says of the plan
  /// @return an explanation that tells the memory too
  public Explanation withMemory(String name, SessionMemory taken) {
    return new Explanation(plan, tokens, name, taken);
  }

  /// The backend that [#memory] is about, or null.
  @Nullable String backend() {
    return backend;
  }

  /// What a session takes, or null where no backend was asked.
  @Nullable SessionMemory memory() {
    return memory;
  }

  /// {@return the explanation for people, in lines of at most 120 characters}
  public String text() {
    return new ExplainText(this).render();
  }

  /// {@return the explanation for programs; docs/explain.md lists the fields}
  public String json() {
    return new ExplainJson(this).render();
  }

  /// {@return steps and buffers as a graph, for Graphviz}
  public String dot() {
    return new ExplainDot(this).render();
  }

  /// {@return steps, buffers over time and what shares memory, before and after, as a picture}
  public String svg() {
    return new ExplainSvg(this).render();
  }

  /// The text.
  @Override
  public String toString() {
    return text();
  }

  MoePlan plan() {
    return plan;
  }

  int tokens() {
    return tokens;
  }

  BucketPlan bucket() {
    return bucket;
  }

  /// {@return copies per step for this token count: each chunk copies its part}
  public long copiesPerStep() {
    return overChunks((chunk, rows) -> chunk.copies());
  }

  long copiesPerStepBefore() {
    return overChunks((chunk, rows) -> chunk.baseline().copies());
  }

  /// Bytes written by these copies.
  long copiedBytes() {
    return overChunks((chunk, rows) -> bytes(chunk, chunk.copiedBytes(), rows));
  }

  long copiedBytesBefore() {
    return overChunks((chunk, rows) -> bytes(chunk, chunk.baseline().copiedBytes(), rows));
  }

  private static long bytes(BucketPlan bucket, long atMostTokens, int rows) {
    return rows == 0 ? 0 : atMostTokens / bucket.maxTokens() * rows;
  }

  /// A figure of the plan that works on a chunk of so many rows.
  private interface ChunkFigure {
    long of(BucketPlan plan, int rows);
  }

  private long overChunks(ChunkFigure figure) {
    int most = plan.options().chunkTokens();
    if (tokens <= most) {
      return figure.of(bucket, tokens);
    }
    long full = (long) (tokens / most) * figure.of(bucket, most);
    int rest = tokens % most;
    return rest == 0 ? full : full + figure.of(plan.bucket(rest), rest);
  }

  /// How a call of this many tokens is cut, as in `3 chunks of 16 tokens and one of 2`.
  String chunks() {
    int most = plan.options().chunkTokens();
    int rest = tokens % most;
    return String.format(
        Locale.ROOT,
        "%s of %s%s",
        count(tokens / most, "chunk", "chunks"),
        count(most, "token", "tokens"),
        rest == 0 ? "" : " and one of " + rest);
  }

  /// For which calls the steps are planned, as in `planned for 1 to 4 tokens`.
  String plannedFor() {
    return bucket.minTokens() == bucket.maxTokens()
        ? "planned for " + count(bucket.maxTokens(), "token", "tokens")
        : String.format(
            Locale.ROOT, "planned for %d to %d tokens", bucket.minTokens(), bucket.maxTokens());
  }

  /// A number with its noun.
  static String count(long number, String one, String many) {
    return number + " " + (number == 1 ? one : many);
  }

  /// Sizes and formats of a layer's weights, in words.
  ///
  /// @param layer its index in the plan
  String model(int layer) {
    MoeLayer described = plan.layers().get(layer);
    return String.format(
        Locale.ROOT,
        "H %d, I %d, E %d, top-%d%s; weights %s",
        described.hidden(),
        described.intermediate(),
        described.globalExperts(),
        described.topK(),
        described.shared() == null
            ? ""
            : ", shared expert I " + described.shared().mlp().intermediate(),
        described.experts().formats().stream()
            .map(Object::toString)
            .collect(Collectors.joining(", ")));
  }

  /// Whether all layers have the same sizes and formats.
  boolean isUniform() {
    return IntStream.range(0, plan.layers().size()).mapToObj(this::model).distinct().count() == 1;
  }

  /// Layers next to each other that are planned alike.
  ///
  /// @param first place of the first one in the plan
  /// @param last place of the last one
  record Run(int first, int last) {}

  List<Run> runs() {
    List<Run> runs = new ArrayList<>();
    int layers = plan.layers().size();
    for (int first = 0; first < layers; ) {
      int last = first;
      while (last + 1 < layers && alike(first, last + 1)) {
        last++;
      }
      runs.add(new Run(first, last));
      first = last + 1;
    }
    return runs;
  }

  private boolean alike(int a, int b) {
    return names(a).equals(names(b))
        && model(a).equals(model(b))
        && bucket.decisions().get(a).equals(bucket.decisions().get(b))
        && operations(a).equals(operations(b))
        && sizes(a).equals(sizes(b))
        && travel(a).equals(travel(b))
        && sides(a).equals(sides(b))
        && remark(a).equals(remark(b));
  }

  /// Where a layer's experts are, if not all are computed in one place.
  List<ExpertSide> sides(int layer) {
    return plan.modularMoe(layer).experts().sides(plan.layers().get(layer));
  }

  /// What decided how a layer's experts work.
  Optional<String> remark(int layer) {
    return plan.modularMoe(layer).experts().remark();
  }

  /// What a layer's rows travel between processes, each of which has as many tokens as this one.
  List<Travel> travel(int layer) {
    return plan.modularMoe(layer).prepareAndFinalize().travel(tokens);
  }

  /// Different pieces can come to the same operations: hybrid experts for many tokens, say.
  private List<Object> names(int layer) {
    return List.of(
        plan.modularMoe(layer).experts().name(),
        plan.modularMoe(layer).prepareAndFinalize().name());
  }

  private List<Object> operations(int layer) {
    return bucket.stepsOf(layer).stream().map(step -> (Object) step.operation()).toList();
  }

  private List<Object> sizes(int layer) {
    List<Object> sizes = new ArrayList<>();
    for (Map.Entry<Operand, Buffer> bound : bucket.bindings().get(layer).entrySet()) {
      Buffer buffer = bound.getValue();
      sizes.add(List.of(bound.getKey(), buffer.dtype(), buffer.shape(), buffer.location()));
    }
    return sizes;
  }

  /// As in `layer 3`, `layers 0-47`, or `layers 1, 3, 5` where dense layers lie between.
  String name(Run run) {
    StringBuilder name = new StringBuilder(run.first() == run.last() ? "layer" : "layers");
    for (int at = run.first(); at <= run.last(); at++) {
      int first = at;
      while (at < run.last() && index(at + 1) == index(at) + 1) {
        at++;
      }
      name.append(first == run.first() ? " " : ", ").append(index(first));
      if (at > first) {
        name.append('-').append(index(at));
      }
    }
    return name.toString();
  }

  /// The index in the model of a layer of the plan.
  private int index(int layer) {
    return plan.layers().get(layer).index();
  }

  /// All names of a buffer, merged operands included: `output = fused_out`.
  String names(int layer, Buffer buffer) {
    return String.join(" = ", operands(layer, buffer));
  }

  List<String> operands(int layer, Buffer buffer) {
    return bucket.bindings().get(layer).entrySet().stream()
        .filter(bound -> bound.getValue().id() == buffer.id())
        .map(bound -> bound.getKey().name())
        .toList();
  }

  /// The buffers that a step reads or writes, each once, by their first names.
  List<String> operands(Step step, Predicate<Access> which) {
    return step.operation().accesses().stream()
        .filter(which)
        .map(access -> bucket.buffer(step.layer(), access.operand()).operand().name())
        .distinct()
        .toList();
  }

  /// The steps during which a buffer is in use, under any of its names.
  Liveness.Range life(Buffer buffer) {
    int first = Integer.MAX_VALUE;
    int last = -1;
    for (Map.Entry<Operand, Buffer> bound : bucket.bindings().get(buffer.layer()).entrySet()) {
      if (bound.getValue().id() == buffer.id() && liveness.isUsed(buffer.layer(), bound.getKey())) {
        Liveness.Range range = liveness.of(buffer.layer(), bound.getKey());
        first = Math.min(first, range.first());
        last = Math.max(last, range.last());
      }
    }
    return new Liveness.Range(first, last);
  }

  /// The buffers of a layer, each once.
  List<Buffer> buffers(int layer) {
    return bucket.buffers().stream().filter(buffer -> buffer.layer() == layer).toList();
  }
}
