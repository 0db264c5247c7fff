package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Reads experts that are stored as one tensor for all gates and ups and one for all downs. Models
/// store them `[E, out, in]` or transposed; the first tensor's shape tells, or, where its matrices
/// are square, the second one's, whose matrices then aren't. Interleaved ones are always
/// transposed.
final class FusedReader {
  private final Checkpoint checkpoint;
  private final ModelLayout layout;
  private final String block;
  private final ExpertStorage.Fused names;

  FusedReader(Checkpoint checkpoint, ModelLayout layout, String block, ExpertStorage.Fused names) {
    this.checkpoint = checkpoint;
    this.layout = layout;
    this.block = block;
    this.names = names;
  }

  List<Mlp> read() {
    long count = layout.experts();
    long hidden = layout.hidden();
    long intermediate = layout.intermediate();
    String gateUpName = block + names.gateUp();
    String downName = block + names.down();
    boolean transposed =
        names.interleaved()
            || (isShaped(gateUpName, count, hidden, 2 * intermediate)
                && (hidden != 2 * intermediate || isShaped(downName, count, intermediate, hidden)));
    TensorView gateUp =
        transposed
            ? checkpoint.require(gateUpName, count, hidden, 2 * intermediate)
            : checkpoint.require(gateUpName, count, 2 * intermediate, hidden);
    TensorView down =
        transposed
            ? checkpoint.require(downName, count, intermediate, hidden)
            : checkpoint.require(downName, count, hidden, intermediate);
    TensorView gateUpBias = bias(gateUpName, 2 * intermediate);
    TensorView downBias = bias(downName, hidden);
    List<Mlp> experts = new ArrayList<>(layout.experts());
    for (int e = 0; e < layout.experts(); e++) {
      experts.add(
          new Mlp(
              half(gateUp.at(e), transposed, false),
              half(gateUp.at(e), transposed, true),
              transposed
                  ? Weight.transposed(down.at(e), layout.hidden(), 0, 1)
                  : Weight.dense(down.at(e)),
              gateUpBias == null ? null : half(gateUpBias.at(e), false),
              gateUpBias == null ? null : half(gateUpBias.at(e), true),
              downBias == null ? null : Bias.of(downBias.at(e))));
    }
    return experts;
  }

  private boolean isShaped(String name, long... shape) {
    return checkpoint.find(name).filter(tensor -> tensor.shape().is(shape)).isPresent();
  }

  private Weight half(TensorView matrix, boolean transposed, boolean up) {
    int size = layout.intermediate();
    int first = names.interleaved() ? (up ? 1 : 0) : (up ? size : 0);
    if (transposed) {
      return Weight.transposed(matrix, size, first, names.interleaved() ? 2 : 1);
    }
    return Weight.dense(matrix.rows(first, (long) first + size));
  }

  private Bias half(TensorView bias, boolean up) {
    int size = layout.intermediate();
    return names.interleaved()
        ? new Bias(bias, size, up ? 1 : 0, 2)
        : new Bias(bias, size, up ? size : 0, 1);
  }

  private @Nullable TensorView bias(String tensor, long size) {
    String name = tensor + "_bias";
    return names.biased() || checkpoint.find(name).isPresent()
        ? checkpoint.require(name, layout.experts(), size)
        : null;
  }
}
