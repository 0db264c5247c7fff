package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.kernel.Flags;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// What a layer's last task adds to its sum, as kernels take it. A residual that is in the target
/// already is no array of its own: TornadoVM must not get the same one twice in a task that writes
/// it.
///
/// @param first rows, or one element that nobody reads
/// @param second rows, or one element that nobody reads
/// @param flags which of them there are
record Addends(FloatArray first, FloatArray second, int flags) {

  /// The target alone, which holds the sum of other parts.
  static Addends target(LayerContext context) {
    return new Addends(
        context.arrays().floats(KernelArray.NO_ADDEND),
        context.arrays().floats(KernelArray.NO_SECOND_ADDEND),
        Flags.ACCUMULATE);
  }

  static Addends of(List<FloatArray> rows, FloatArray target, LayerContext context) {
    int layer = context.layer().index();
    // The kernels add the target last, so that an alias changes no order and no bit.
    if (rows.indexOf(target) >= 0 && rows.indexOf(target) < rows.size() - 1) {
      throw new IllegalStateException(
          String.format(Locale.ROOT, "layer %d: the target is no last addend", layer));
    }
    List<FloatArray> others = new ArrayList<>(rows);
    int flags = others.removeIf(array -> array == target) ? Flags.ACCUMULATE : 0;
    if (others.size() > 2) {
      throw new IllegalStateException(
          String.format(Locale.ROOT, "layer %d: %d addends", layer, others.size()));
    }
    return new Addends(
        others.isEmpty() ? context.arrays().floats(KernelArray.NO_ADDEND) : others.get(0),
        others.size() < 2 ? context.arrays().floats(KernelArray.NO_SECOND_ADDEND) : others.get(1),
        flags
            | (others.isEmpty() ? 0 : Flags.ADDEND)
            | (others.size() < 2 ? 0 : Flags.SECOND_ADDEND));
  }
}
