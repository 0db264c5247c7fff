package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Operation;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/// What a device does about a step of a layer.
sealed interface DeviceStep {

  /// It runs kernels.
  ///
  /// @param calls makes their calls
  record Kernels(Function<LayerCalls, List<KernelCall>> calls) implements DeviceStep {}

  /// It can't run the step.
  ///
  /// @param sentence why
  record Refusal(String sentence) implements DeviceStep {}

  static DeviceStep withoutKernel(MoeLayer layer, Operation operation) {
    return new Refusal(
        String.format(
            Locale.ROOT,
            "layer %d: step \"%s\" can't run on a device; backends cpu and reference run it",
            layer.index(),
            operation.name()));
  }

  static DeviceStep ownRouting(MoeLayer layer) {
    return new Refusal(
        String.format(
            Locale.ROOT,
            "layer %d: a routing function of the user's own can't run on a device; give ids and"
                + " weights (callerRoutes)",
            layer.index()));
  }
}
