package dev.tornadomoe.tornado.tuning;

import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.weights.DeviceExperts;
import dev.tornadomoe.tornado.weights.DeviceLayer;

/// What the best cut of a layer's kernels depends on, beside device and token count. The parts of a
/// shared expert that are kept as experts count among experts and top-k.
///
/// @param kernels their shape
/// @param hidden H
/// @param intermediate I
/// @param experts E on this device, or all of the layer's where some are elsewhere: a part has as
///   many pairs for each of its experts as the whole
/// @param topK pairs of a token
/// @param weights how gate/up, and down if it differs, are kept
public record TuningKey(
    KernelShape kernels, int hidden, int intermediate, int experts, int topK, String weights) {

  /// The key of a layer whose weights are loaded.
  ///
  /// @param extra parts of the shared expert that run as experts
  public static TuningKey of(DeviceLayer weights, int extra, KernelShape kernels) {
    DeviceExperts part = weights.parts().getFirst();
    String gateUp = part.gateUp().storage().text();
    String down = part.down().storage().text();
    int local = weights.layer().experts().local().size();
    int all = weights.layer().globalExperts() - weights.layer().identityExperts();
    return new TuningKey(
        kernels,
        weights.layer().experts().hidden(),
        weights.layer().intermediate(),
        // So few may be there only for rows that have fewer experts here.
        (all - local > weights.layer().topK() ? all : local) + extra,
        weights.layer().topK() + extra,
        gateUp.equals(down) ? gateUp : gateUp + ", down " + down);
  }
}
