package dev.tornadomoe.tornado.weights;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// What stands before a router's logits where the router is an MLP, as
/// [dev.tornadomoe.layer.RouterMlp] describes it.
///
/// @param in `[R, H]`
/// @param statesScale `[R]`, or null where it needs no states of the layer before
/// @param norm `[R]`
/// @param hidden `[R, R]` each, in order
public record DeviceRouterMlp(
    DeviceMatrix in, @Nullable FloatArray statesScale, FloatArray norm, List<DeviceMatrix> hidden) {

  List<Object> arrays() {
    List<Object> arrays = new ArrayList<>(in.arrays());
    if (statesScale != null) {
      arrays.add(statesScale);
    }
    arrays.add(norm);
    hidden.forEach(matrix -> arrays.addAll(matrix.arrays()));
    return arrays;
  }
}
