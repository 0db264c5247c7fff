package dev.tornadomoe.tornado.weights;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.OwnNorms;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// One layer's weights in the arrays that kernels take.
///
/// @param layer whose
/// @param router its rows, and below them the shared expert's gate if there is one that gets the
///   same rows, or null when there is neither
/// @param routerRows how many of those are the router's
/// @param routerMlp what stands before its logits, or null
/// @param sharedGate the shared expert's gate where it gets other rows than the router, or null
/// @param constants as `RouterKernels` describes them
/// @param table of a [dev.tornadomoe.layer.TableGating] `[vocabulary, k]`, or null
/// @param norms weights of the layer's own norms `[H]`
/// @param map from the router's experts to all local ones
/// @param parts the experts
/// @param extra parts of the shared expert that are among the experts of the last part; 0 when it
///   is not
/// @param shared the shared expert by itself, or null
/// @param latentIn what stands before experts with rows of another size, or null
/// @param latentOut what stands behind them, or null
public record DeviceLayer(
    MoeLayer layer,
    @Nullable DeviceMatrix router,
    int routerRows,
    @Nullable DeviceRouterMlp routerMlp,
    @Nullable DeviceMatrix sharedGate,
    FloatArray constants,
    @Nullable IntArray table,
    Map<OwnNorms.Place, FloatArray> norms,
    IntArray map,
    List<DeviceExperts> parts,
    int extra,
    @Nullable DeviceExperts shared,
    @Nullable DeviceMatrix latentIn,
    @Nullable DeviceMatrix latentOut) {

  /// Whether the shared expert has a gate.
  public boolean isSharedGated() {
    return layer.shared() != null && layer.shared().gate() != null;
  }

  /// Whether that gets other rows than the router, and is a matrix by itself.
  public boolean isGateApart() {
    return LayerStorage.isGateApart(layer);
  }

  /// The experts' matrices, in an order that is the same for layers that are kept alike.
  public List<Object> expertArrays() {
    List<Object> arrays = new ArrayList<>();
    for (DeviceExperts part : parts) {
      arrays.addAll(part.gateUp().arrays());
      arrays.addAll(part.down().arrays());
    }
    return arrays;
  }

  /// The same layer with other arrays of the same sizes for its experts' matrices.
  DeviceLayer withRoom() {
    return new DeviceLayer(
        layer,
        router,
        routerRows,
        routerMlp,
        sharedGate,
        constants,
        table,
        norms,
        map,
        parts.stream()
            .map(part ->
                new DeviceExperts(
                    part.map(),
                    part.gateUp().room(),
                    part.down().room(),
                    part.experts(),
                    part.extra()))
            .toList(),
        extra,
        shared,
        latentIn,
        latentOut);
  }

  /// All of them, each once.
  public List<Object> arrays() {
    List<Object> arrays = new ArrayList<>(List.of(constants, map));
    arrays.addAll(norms.values());
    if (table != null) {
      arrays.add(table);
    }
    if (router != null) {
      arrays.addAll(router.arrays());
    }
    if (routerMlp != null) {
      arrays.addAll(routerMlp.arrays());
    }
    if (sharedGate != null) {
      arrays.addAll(sharedGate.arrays());
    }
    parts.forEach(part -> arrays.addAll(part.arrays()));
    if (shared != null) {
      arrays.addAll(shared.arrays());
    }
    if (latentIn != null) {
      arrays.addAll(latentIn.arrays());
    }
    if (latentOut != null) {
      arrays.addAll(latentOut.arrays());
    }
    return arrays;
  }
}
