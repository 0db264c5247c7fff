package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Reads experts that are stored as one tensor for all gates and ups and one for all downs. Models
/// store them `[E, out, in]` or transposed; the first tensor's shape tells, or, where its matrices
/// are square, the second one's, whose matrices then aren't. Where gate and up alternate, a shape
/// alone could be read both ways, and the family says which it is.
final class FusedReader {
  private final Checkpoint checkpoint;
  private final ModelLayout layout;
  private final String block;
  private final ExpertStorage.Fused names;
  private final int count;

  /// @param count how many experts the tensors have
  FusedReader(
      Checkpoint checkpoint,
      ModelLayout layout,
      String block,
      ExpertStorage.Fused names,
      int count) {
    this.checkpoint = checkpoint;
    this.layout = layout;
    this.block = block;
    this.names = names;
    this.count = count;
  }

  List<Mlp> read() {
    int hidden = layout.expertHidden();
    int intermediate = layout.intermediate();
    String gateUpName = block + names.gateUp();
    String downName = block + names.down();
    boolean transposed = isTransposed(gateUpName, downName);
    ExpertStack gateUp =
        checkpoint.stack(gateUpName, count, twice(intermediate), hidden, transposed);
    ExpertStack down = checkpoint.stack(downName, count, hidden, intermediate, transposed);
    TensorView gateUpBias = bias(gateUpName, 2L * intermediate);
    TensorView downBias = bias(downName, hidden);
    List<Mlp> experts = new ArrayList<>(count);
    for (int e = 0; e < count; e++) {
      experts.add(
          new Mlp(
              half(gateUp, e, false),
              half(gateUp, e, true),
              down.part(e, hidden, 0, 1),
              gateUpBias == null ? null : half(gateUpBias.at(e), false),
              gateUpBias == null ? null : half(gateUpBias.at(e), true),
              downBias == null ? null : Bias.of(downBias.at(e))));
    }
    return experts;
  }

  private boolean isTransposed(String gateUpName, String downName) {
    long hidden = layout.expertHidden();
    long intermediate = layout.intermediate();
    return switch (names.order()) {
      case HALVES ->
          isShaped(gateUpName, count, hidden, 2 * intermediate)
              && (hidden != 2 * intermediate || isShaped(downName, count, intermediate, hidden));
      case ROWS_IN_TURN -> false;
      // Values are, blocks never.
      case COLUMNS_IN_TURN -> checkpoint.findStack(gateUpName).map(gateUpName::equals).orElse(true);
    };
  }

  private static int twice(int size) {
    try {
      return Math.multiplyExact(2, size);
    } catch (ArithmeticException e) {
      throw new LayerException(
          String.format(Locale.ROOT, "experts of size %d are too large", size), e);
    }
  }

  private boolean isShaped(String name, long... shape) {
    return checkpoint.find(name).filter(tensor -> tensor.shape().is(shape)).isPresent();
  }

  private Weight half(ExpertStack gateUp, int expert, boolean up) {
    int size = layout.intermediate();
    return names.order().isInterleaved()
        ? gateUp.part(expert, size, up ? 1 : 0, 2)
        : gateUp.part(expert, size, up ? size : 0, 1);
  }

  private Bias half(TensorView bias, boolean up) {
    int size = layout.intermediate();
    return names.order().isInterleaved()
        ? new Bias(bias, size, up ? 1 : 0, 2)
        : new Bias(bias, size, up ? size : 0, 1);
  }

  private @Nullable TensorView bias(String tensor, long size) {
    String name = tensor + "_bias";
    return names.biased() || checkpoint.find(name).isPresent()
        ? checkpoint.require(name, count, size)
        : null;
  }
}
