package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.backend.cpu.kernel.rows.KernelNeeds;
import dev.tornadomoe.layer.Latent;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.OffloadOperation;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Precision;
import dev.tornadomoe.plan.Step;
import dev.tornadomoe.tensor.Weight;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What each step of a plan needs of the thread that runs it, known before anything is loaded.
public final class PlanNeeds {
  private final CpuKernels kernels;
  private final Precision precision;
  private final MoeLayer layer;
  private final boolean experts;
  private final Set<KernelNeeds> gateUps;
  private final Set<KernelNeeds> downs;

  private PlanNeeds(MoePlan plan, MoeLayer layer, boolean experts, CpuKernels kernels) {
    this.kernels = kernels;
    this.precision = plan.options().precision();
    this.layer = layer;
    this.experts = experts;
    List<Mlp> local = layer.experts().local();
    this.gateUps = gateUps(local);
    this.downs = needs(precision, local.stream().map(Mlp::down).toList());
  }

  /// The most that any step needs.
  ///
  /// @param experts whether the routed experts' steps run here
  public static StepNeeds of(MoePlan plan, boolean experts, CpuKernels kernels) {
    List<PlanNeeds> layers =
        plan.layers().stream().map(layer -> new PlanNeeds(plan, layer, experts, kernels)).toList();
    StepNeeds most = StepNeeds.NONE;
    for (BucketPlan bucket : plan.buckets()) {
      for (Step step : bucket.steps()) {
        int rows =
            step.rows(bucket.maxTokens(), plan.modularMoe(step.layer()).prepareAndFinalize());
        most = most.max(layers.get(step.layer()).of(step.operation(), rows));
      }
    }
    return most;
  }

  private StepNeeds of(Operation operation, int rows) {
    return switch (operation) {
      case DenseOperation op -> ofDense(op, rows);
      case ExpertOperation op -> experts ? ofExperts(op, rows) : StepNeeds.NONE;
      case ReduceOperation op -> ofSum(op);
      case OffloadOperation op -> StepNeeds.NONE;
      case RowOperation op -> StepNeeds.NONE;
      case RouteOperation op -> StepNeeds.NONE;
      case CustomOperation op -> StepNeeds.NONE;
    };
  }

  private StepNeeds ofDense(DenseOperation operation, int rows) {
    Router router = layer.router();
    RouterMlp mlp = router == null ? null : router.mlp();
    SharedExperts shared = layer.shared();
    Latent latent = layer.latent();
    return switch (operation) {
      case DenseOperation.RouterIn op -> exact(mlp == null ? null : mlp.in().weight(), rows);
      case DenseOperation.RouterHidden op ->
          exact(mlp == null ? null : mlp.hidden().get(op.index()).weight(), rows);
      case DenseOperation.RouterLogits op -> exact(router == null ? null : router.weight(), rows);
      case DenseOperation.SharedGateUp op ->
          shared == null
              ? StepNeeds.NONE
              : allTokens(
                  gateUps(List.of(shared.mlp())), shared.mlp().up(), rows, shared.mlp().isGated());
      case DenseOperation.SharedDown op ->
          shared == null ? StepNeeds.NONE : sharedDown(shared, rows);
      case DenseOperation.LatentIn op ->
          latent == null ? StepNeeds.NONE : allTokens(latent.in(), rows);
      case DenseOperation.LatentOut op ->
          latent == null ? StepNeeds.NONE : allTokens(latent.out(), rows);
    };
  }

  /// A router's weight, whatever the plan's precision.
  private StepNeeds exact(@Nullable Weight weight, int rows) {
    return weight == null
        ? StepNeeds.NONE
        : allTokens(needs(Precision.EXACT, List.of(weight)), weight, rows, false);
  }

  private StepNeeds allTokens(Weight weight, int rows) {
    return allTokens(needs(precision, List.of(weight)), weight, rows, false);
  }

  private StepNeeds ofExperts(ExpertOperation operation, int rows) {
    Mlp first = layer.experts().local().getFirst();
    int local = layer.experts().local().size();
    int grouped = RowBlocks.indices(local, rows, rows * layer.topK());
    int batched = RowBlocks.indices(local, rows, rows * local);
    return switch (operation) {
      case ExpertOperation.GateUp op ->
          gateUp(first, 1).withIndices(PairGroups.indices(rows, layer.topK()));
      case ExpertOperation.GroupedGateUp op -> gateUp(first, rows).withIndices(grouped);
      case ExpertOperation.BatchedGateUp op -> gateUp(first, rows).withIndices(batched);
      case ExpertOperation.GroupedDown op -> down(first, rows).withIndices(grouped);
      case ExpertOperation.BatchedDown op -> down(first, rows).withIndices(batched);
    };
  }

  private StepNeeds ofSum(ReduceOperation operation) {
    return switch (operation) {
      case ReduceOperation.DownReduce op -> experts ? downReduce() : StepNeeds.NONE;
      case ReduceOperation.Reduce op -> StepNeeds.of(ScratchSize.sum(layer.experts().hidden()));
      case ReduceOperation.ReduceNorm op -> StepNeeds.of(ScratchSize.sum(layer.experts().hidden()));
      case ReduceOperation.BatchedReduce op ->
          StepNeeds.of(ScratchSize.sum(layer.experts().hidden()));
    };
  }

  private StepNeeds downReduce() {
    Weight down = layer.experts().local().getFirst().down();
    return StepNeeds.of(ScratchSize.reducing(downs, layer.topK(), tile(down)));
  }

  private StepNeeds gateUp(Mlp expert, int most) {
    return projection(gateUps, expert.up(), most, expert.isGated());
  }

  private StepNeeds down(Mlp expert, int most) {
    return projection(downs, expert.down(), most, false);
  }

  private StepNeeds sharedDown(SharedExperts shared, int rows) {
    Weight down = shared.mlp().down();
    StepNeeds needed = allTokens(needs(precision, List.of(down)), down, rows, false);
    Weight gate = shared.gate();
    return gate == null
        ? needed
        : needed
            .max(projection(needs(Precision.EXACT, List.of(gate)), gate, 1, false))
            .withFactors(rows);
  }

  private static StepNeeds allTokens(
      Set<KernelNeeds> needs, Weight weight, int rows, boolean isGated) {
    return projection(needs, weight, AllTokens.mostOf(rows), isGated);
  }

  /// @param most rows of a group
  private static StepNeeds projection(
      Set<KernelNeeds> needs, Weight weight, int most, boolean isGated) {
    return StepNeeds.of(ScratchSize.projection(needs, RowBlocks.most(most), tile(weight), isGated));
  }

  private static int tile(Weight weight) {
    return Math.min(RowTile.MOST, RowTile.stride(weight.rows()));
  }

  private Set<KernelNeeds> gateUps(List<Mlp> mlps) {
    Set<KernelNeeds> all = needs(precision, mlps.stream().map(Mlp::up).toList());
    for (Mlp mlp : mlps) {
      if (mlp.gate() != null) {
        all.addAll(needs(precision, List.of(mlp.gate())));
      }
    }
    return all;
  }

  private Set<KernelNeeds> needs(Precision of, List<Weight> weights) {
    Set<KernelNeeds> all = new LinkedHashSet<>();
    weights.forEach(weight -> all.add(kernels.needs(weight.format(), weight.columns(), of)));
    return all;
  }
}
