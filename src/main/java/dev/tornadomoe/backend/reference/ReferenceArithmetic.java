package dev.tornadomoe.backend.reference;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.host.Arithmetic;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.backend.host.Interruption;
import dev.tornadomoe.backend.host.LayerWeights;
import dev.tornadomoe.backend.host.RouterChecks;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.StepContext;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.layer.Latent;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.Experts;
import dev.tornadomoe.modular.OffloadOperation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.WeightOperation;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The operations with arithmetic, each as its definition reads.
final class ReferenceArithmetic implements Arithmetic {
  private final Arena arena;
  private final List<LayerParts> layers;
  private final WeightMemory memory;

  /// One layer's weights in memory.
  private record LayerParts(
      @Nullable ReferenceLinear router,
      @Nullable ReferenceLinear routerIn,
      List<ReferenceGateUp> routerHidden,
      List<ReferenceMlp> experts,
      @Nullable ReferenceOffload offload,
      @Nullable ReferenceMlp shared,
      @Nullable ReferenceLinear sharedGate,
      @Nullable ReferenceLinear latentIn,
      @Nullable ReferenceLinear latentOut) {}

  private ReferenceArithmetic(Arena arena, List<LayerParts> layers, WeightMemory memory) {
    this.arena = arena;
    this.layers = layers;
    this.memory = memory;
  }

  @SuppressWarnings("MustBeClosedChecker") // close() closes it
  static ReferenceArithmetic load(MoePlan plan, Progress progress) {
    LayerWeights.requireVectors(plan.layers());
    Arena arena = Arena.ofShared();
    try {
      List<MemorySegment> memory = new ArrayList<>();
      long total =
          plan.layers().stream()
              .flatMap(layer -> LayerWeights.of(layer).stream())
              .mapToLong(Weight::bytes)
              .sum();
      progress.update(0, total);
      long[] done = new long[1];
      Function<Weight, WeightMatrix> loader =
          weight -> {
            WeightMatrix matrix = weight.load(arena);
            memory.addAll(matrix.memory());
            done[0] += weight.bytes();
            progress.update(done[0], total);
            return matrix;
          };
      List<LayerParts> layers = new ArrayList<>();
      for (int i = 0; i < plan.layers().size(); i++) {
        MoeLayer layer = plan.layers().get(i);
        layers.add(parts(layer, plan.modularMoe(i).experts(), loader));
        memory.addAll(LayerWeights.ofSteps(layer));
      }
      return new ReferenceArithmetic(arena, layers, new WeightMemory(memory));
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  private static LayerParts parts(
      MoeLayer layer, Experts experts, Function<Weight, WeightMatrix> loader) {
    Router router = layer.router();
    SharedExperts shared = layer.shared();
    Latent latent = layer.latent();
    RouterChecks.requireNumbers(layer);
    RouterMlp before = router == null ? null : router.mlp();
    return new LayerParts(
        router == null ? null : new ReferenceLinear(loader.apply(router.weight()), router.bias()),
        before == null ? null : linear(before.in(), loader),
        before == null
            ? List.of()
            : before.hidden().stream()
                .map(linear ->
                    new ReferenceGateUp(null, linear(linear, loader), before.activation()))
                .toList(),
        layer.experts().local().stream()
            .map(mlp -> ReferenceMlp.load(mlp, layer.experts().activation(), loader))
            .toList(),
        ReferenceOffload.load(experts, loader),
        shared == null
            ? null
            : ReferenceMlp.load(shared.mlp(), shared.activation(layer.experts()), loader),
        shared == null || shared.gate() == null
            ? null
            : new ReferenceLinear(loader.apply(shared.gate()), null),
        latent == null ? null : new ReferenceLinear(loader.apply(latent.in()), latent.inBias()),
        latent == null ? null : new ReferenceLinear(loader.apply(latent.out()), latent.outBias()));
  }

  private static ReferenceLinear linear(
      RouterMlp.Linear linear, Function<Weight, WeightMatrix> loader) {
    return new ReferenceLinear(loader.apply(linear.weight()), linear.bias());
  }

  @Override
  public StepCompiler compiler(MoePlan plan) {
    Interruption interruption = Interruption.of(plan);
    return (operation, context) -> compile(operation, context, interruption);
  }

  private HostStep compile(
      WeightOperation operation, StepContext context, Interruption interruption) {
    LayerParts parts = layers.get(context.layerIndex());
    ReferenceSteps steps = new ReferenceSteps(context, parts.experts(), interruption);
    return switch (operation) {
      case DenseOperation.RouterIn op ->
          steps.project(op.input(), op.target(), required(parts.routerIn()));
      case DenseOperation.RouterHidden op ->
          steps.hidden(op.input(), op.target(), parts.routerHidden().get(op.index()));
      case DenseOperation.RouterLogits op ->
          steps.project(op.input(), op.logits(), required(parts.router()));
      case DenseOperation.SharedGateUp op -> steps.sharedGateUp(op, required(parts.shared()));
      case DenseOperation.SharedDown op ->
          steps.sharedDown(op, required(parts.shared()), parts.sharedGate());
      case DenseOperation.LatentIn op ->
          steps.project(op.input(), op.target(), required(parts.latentIn()));
      case DenseOperation.LatentOut op ->
          steps.project(op.input(), op.target(), required(parts.latentOut()));
      case ExpertOperation.GateUp op -> steps.gateUp(op);
      case ExpertOperation.GroupedGateUp op -> steps.groupedGateUp(op);
      case ExpertOperation.GroupedDown op -> steps.groupedDown(op);
      case OffloadOperation.Begin op -> tokens -> {}; // nobody else would do it
      case OffloadOperation.Await op ->
          required(parts.offload())
              .sum(op.input(), op.ids(), op.weights(), op.target(), context, interruption);
      case OffloadOperation.Stream op ->
          new ReferenceOffload(context.layer().experts().map(), parts.experts())
              .stream(op, context, interruption);
      case ReduceOperation.DownReduce op -> steps.downReduce(op);
      case ReduceOperation.Reduce op -> steps.reduce(op);
      case ReduceOperation.ReduceNorm op -> steps.reduceNorm(op);
      case ExpertOperation.BatchedGateUp op -> steps.batchedGateUp(op);
      case ExpertOperation.BatchedDown op -> steps.batchedDown(op);
      case ReduceOperation.BatchedReduce op -> steps.batchedReduce(op);
    };
  }

  private static <T> T required(@Nullable T part) {
    if (part == null) {
      throw new IllegalStateException("the plan uses a part that the layer does not have");
    }
    return part;
  }

  @Override
  public WeightMemory weightMemory() {
    return memory;
  }

  @Override
  public void close() {
    arena.close();
  }
}
