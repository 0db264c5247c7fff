package dev.tornadomoe.tornado.weights;

import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Experts that lie in the same arrays: all of a layer, or as many as the device's largest buffer
/// holds. Kernels of a layer with several such parts run once for each.
///
/// @param map from the router's expert numbers to places among these, or -1
/// @param gateUp for each expert its gate and up, or up twice where there is no gate
/// @param down for each expert
/// @param experts how many of the router's
/// @param extra parts of the shared expert behind them
public record DeviceExperts(
    IntArray map, DeviceMatrix gateUp, DeviceMatrix down, int experts, int extra) {

  List<Object> arrays() {
    List<Object> arrays = new ArrayList<>(List.of(map));
    arrays.addAll(gateUp.arrays());
    arrays.addAll(down.arrays());
    return arrays;
  }
}
