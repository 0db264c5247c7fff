package dev.tornadomoe.modular;

import dev.tornadomoe.layer.MoeLayer;
import java.util.List;

/// All rows in this process, some experts on a device: prepare has the device begin, so that it
/// works while the host goes on with shared experts and its own. Goes with [OffloadExperts], which
/// add what the device makes.
public final class OffloadPrepareAndFinalize implements PrepareAndFinalize {
  private final LocalPrepareAndFinalize local = new LocalPrepareAndFinalize();
  private final boolean begins;
  private final boolean weightOnInput;

  /// The ends of one layer.
  ///
  /// @param layer whose rows the experts get
  /// @param experts those that it goes with
  public OffloadPrepareAndFinalize(MoeLayer layer, OffloadExperts experts) {
    this.begins = experts.device() != null;
    this.weightOnInput = layer.routerWeightOnInput();
  }

  @Override
  public String name() {
    return "offload";
  }

  @Override
  public ActivationFormat format() {
    return local.format();
  }

  @Override
  public boolean isLocal() {
    return true;
  }

  @Override
  public TopKWeightAndReduce resolve(TopKWeightAndReduce declared) {
    return local.resolve(declared);
  }

  @Override
  public List<Operation> prepare(Operand input) {
    return begins
        ? List.of(
            new OffloadOperation.Begin(
                input, Operand.TOPK_IDS, weightOnInput ? null : Operand.TOPK_WEIGHTS))
        : List.of();
  }
}
