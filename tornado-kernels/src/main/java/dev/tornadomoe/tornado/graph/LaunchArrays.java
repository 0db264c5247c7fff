package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import java.util.ArrayList;
import java.util.List;

/// What a launch of each of a plan's layers works on.
///
/// @param size of the launch
/// @param arrays the operands'
/// @param steps of each layer, by its index in the plan
/// @param ofLayers the arrays of each layer, by its index in the plan
public record LaunchArrays(
    Launch.Size size,
    LayerArrays arrays,
    List<FusedSteps> steps,
    List<LayerArrays.OfLayer> ofLayers) {

  /// Says what the layers need.
  ///
  /// @param layers all of the plan's
  /// @param shared with other launches
  public static LaunchArrays of(
      Launch.Size size, List<DeviceLayer> layers, KernelShape shape, SessionArrays shared) {
    LayerArrays arrays = new LayerArrays(shared, size.maxTokens());
    List<FusedSteps> steps = new ArrayList<>();
    List<LayerArrays.OfLayer> ofLayers = new ArrayList<>();
    for (int index = 0; index < layers.size(); index++) {
      steps.add(
          new FusedSteps(layers.get(index), shape, size.maxTokens(), size.bucket().stepsOf(index)));
      ofLayers.add(arrays.ofLayer(size.bucket(), index, steps.getLast()));
    }
    return new LaunchArrays(size, arrays, List.copyOf(steps), List.copyOf(ofLayers));
  }
}
