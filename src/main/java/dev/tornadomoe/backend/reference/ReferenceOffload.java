package dev.tornadomoe.backend.reference;

import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.backend.host.Interruption;
import dev.tornadomoe.backend.host.StepContext;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Experts;
import dev.tornadomoe.modular.OffloadExperts;
import dev.tornadomoe.modular.OffloadOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// What a device would do of a layer, when the result is asked for.
///
/// @param map which experts it has
/// @param experts by local index
record ReferenceOffload(ExpertMap map, List<ReferenceMlp> experts) {

  /// What a layer's experts have on a device, or null for nothing.
  static @Nullable ReferenceOffload load(Experts experts, Function<Weight, WeightMatrix> loader) {
    if (!(experts instanceof OffloadExperts offload) || offload.device() == null) {
      return null;
    }
    MoeLayer layer = offload.device().layer();
    return new ReferenceOffload(
        layer.experts().map(),
        layer.experts().local().stream()
            .map(mlp -> ReferenceMlp.load(mlp, layer.experts().activation(), loader))
            .toList());
  }

  /// The sums of experts that would go through the device, each with one of their numbers.
  HostStep stream(OffloadOperation.Stream op, StepContext context, Interruption interruption) {
    HostStep sums = sum(op.input(), op.ids(), op.weights(), op.target(), context, interruption);
    BufferRef targetIds = context.buffer(op.targetIds());
    int some = map.globalOf(0);
    return tokens -> {
      sums.run(tokens);
      for (int t = 0; t < tokens; t++) {
        targetIds.setInt(t, some);
      }
    };
  }

  /// The weighted sums over these experts.
  HostStep sum(
      Operand inputRows,
      Operand chosen,
      @Nullable Operand by,
      Operand sums,
      StepContext context,
      Interruption interruption) {
    BufferRef input = context.buffer(inputRows);
    BufferRef ids = context.buffer(chosen);
    BufferRef weights = context.bufferOrNull(by);
    BufferRef target = context.buffer(sums);
    int topK = context.layer().topK();
    int width = context.layer().experts().hidden();
    return tokens -> {
      for (int t = 0; t < tokens; t++) {
        interruption.check();
        double[] row = new double[width];
        for (int i = 0; i < width; i++) {
          row[i] = input.getFloat(t, i);
        }
        double[] sum = new double[width];
        for (int s = 0; s < topK; s++) {
          int expert = map.localOf(ids.getInt((long) t * topK + s));
          if (expert >= 0) {
            double[] made = experts.get(expert).down().apply(experts.get(expert).gateUp(row));
            double weight = weights == null ? 1 : weights.getFloat(t, s);
            for (int i = 0; i < width; i++) {
              sum[i] += weight * made[i];
            }
          }
        }
        for (int i = 0; i < width; i++) {
          target.setFloat(t, i, (float) sum[i]);
        }
      }
    };
  }
}
