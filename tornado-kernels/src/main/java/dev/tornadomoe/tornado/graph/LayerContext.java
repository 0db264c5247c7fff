package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.tuning.Tuning;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// What all calls of one layer in one launch share.
///
/// @param kernel the kernels' own context
/// @param call its first element is M
/// @param tokens the most of the launch
record LayerContext(
    KernelContext kernel,
    IntArray call,
    DeviceLimits device,
    DeviceLayer weights,
    FusedSteps steps,
    LayerArrays.OfLayer arrays,
    Tuning tuning,
    int tokens) {

  MoeLayer layer() {
    return weights.layer();
  }

  /// Whether kernels share work in groups; alone otherwise.
  boolean hasGroups() {
    return device.shape() == KernelShape.WORK_GROUPS;
  }

  /// Pairs of the routed experts, and of what is fused with them.
  Pairs pairs() {
    return new Pairs(tokens, layer().topK(), steps.extra());
  }

  FloatArray floats(Operand operand) {
    return arrays.floats(operand);
  }

  IntArray ints(Operand operand) {
    return arrays.ints(operand);
  }

  /// What a step that ends a sum adds to it.
  Addends addends(List<Operand> planned, FloatArray target) {
    List<FloatArray> rows = steps.addends(planned).stream().map(this::floats).toList();
    return Addends.of(rows, target, this);
  }
}
