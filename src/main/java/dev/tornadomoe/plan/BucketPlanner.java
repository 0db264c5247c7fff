package dev.tornadomoe.plan;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.Workspace;
import dev.tornadomoe.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/// Makes the plan of one bucket: lowers each layer, runs the passes, has the buffers placed.
final class BucketPlanner {
  private final List<MoeLayer> layers;
  private final List<ModularMoe> modularMoes;
  private final PlanOptions options;

  /// @param modularMoes what each layer is computed by
  BucketPlanner(List<MoeLayer> layers, List<ModularMoe> modularMoes, PlanOptions options) {
    this.layers = layers;
    this.modularMoes = modularMoes;
    this.options = options;
  }

  /// The most tokens of each bucket, ascending. Where rows of other processes come in, the tokens
  /// of a call don't say how many the experts get: there is one bucket for all.
  SortedSet<Integer> limits(boolean local) {
    int most = options.chunkTokens();
    SortedSet<Integer> limits = new TreeSet<>();
    if (local) {
      modularMoes.forEach(one -> limits.addAll(one.experts().pathLimits()));
    }
    limits.removeIf(limit -> limit < 1 || limit >= most);
    limits.add(most);
    return limits;
  }

  BucketPlan plan(int minTokens, int maxTokens) {
    List<LayerDraft> drafts = new ArrayList<>();
    List<LayerDraft> unimproved = new ArrayList<>();
    List<AliasDecision> decisions = new ArrayList<>();
    for (int i = 0; i < layers.size(); i++) {
      LayerDraft lowered =
          lower(layers.get(i), modularMoes.get(i), Problem.of(layers.get(i), maxTokens));
      LayerDraft draft = fold(lowered);
      AliasDecision decision = OutputAliasing.decide(draft, options);
      unimproved.add(lowered);
      decisions.add(decision);
      drafts.add(decision.aliased() ? draft.withAlias() : draft);
    }
    List<Step> steps = steps(drafts);
    BufferAssignment assignment = BufferAssignment.of(drafts, steps, options);
    return new BucketPlan(
        minTokens,
        maxTokens,
        steps,
        assignment.buffers(),
        assignment.bindings(),
        List.copyOf(decisions),
        assignment.workspaceBytes(),
        baseline(unimproved));
  }

  private LayerDraft fold(LayerDraft draft) {
    return options.fold() ? FoldNorm.apply(FoldAdditions.apply(draft)) : draft;
  }

  /// Finishes results in a private buffer where finishing them in the output would destroy what is
  /// still needed, or write what the output can't hold.
  private LayerDraft lower(MoeLayer layer, ModularMoe modular, Problem problem) {
    CallSpec call = options.call();
    LayerDraft draft = Lowering.lower(layer, modular, problem, call, false);
    LayerDraft folded = fold(draft);
    Set<Operand> output = Set.of(Operand.OUTPUT);
    boolean staged =
        (call.outputType() != DType.F32
                && Rounding.refusal(folded, output, call.outputType()) != null)
            || call.outputMemory() != options.memory()
            || (call.outputStride() != 0
                && call.outputStride() != layer.hidden()
                && draft.finishesOutputByCustomStep())
            || (call.inPlace() && Hazards.find(folded, Operand.HIDDEN, output) != null)
            || (call.residual() == Residual.IN_OUTPUT
                && Hazards.find(folded, Operand.RESIDUAL, output) != null);
    return staged ? Lowering.lower(layer, modular, problem, call, true) : draft;
  }

  private static List<Step> steps(List<LayerDraft> drafts) {
    List<Step> steps = new ArrayList<>();
    for (int layer = 0; layer < drafts.size(); layer++) {
      for (LayerDraft.Stage stage : drafts.get(layer).stages()) {
        steps.add(new Step(steps.size(), layer, stage.phase(), stage.operation()));
      }
    }
    return List.copyOf(steps);
  }

  private BucketPlan.Baseline baseline(List<LayerDraft> drafts) {
    int steps = 0;
    int copies = 0;
    long copied = 0;
    long workspace = 0;
    for (LayerDraft draft : drafts) {
      steps += draft.stages().size();
      copies += draft.copies();
      copied +=
          (long) draft.copies()
              * draft.problem().tokens()
              * CallerRows.of(options.call(), CallerRegion.OUTPUT, draft.layer()).rowsPerToken()
              * draft.layer().hidden()
              * options.call().outputType().bytes();
      for (Workspace scratch : draft.scratch().values()) {
        workspace += BufferAssignment.bytes(scratch);
      }
    }
    return new BucketPlan.Baseline(steps, copies, copied, workspace);
  }
}
