package dev.tornadomoe.modular;

/// All experts in this process, rows where they are: nothing to prepare.
public final class LocalPrepareAndFinalize implements PrepareAndFinalize {

  /// Makes it; it has no options.
  public LocalPrepareAndFinalize() {}

  @Override
  public String name() {
    return "local";
  }

  @Override
  public ActivationFormat format() {
    return ActivationFormat.STANDARD;
  }

  @Override
  public boolean isLocal() {
    return true;
  }

  /// The rows are where the experts wrote them, in the order of the caller's tokens.
  @Override
  public boolean supportsDeferral() {
    return true;
  }

  @Override
  public TopKWeightAndReduce resolve(TopKWeightAndReduce declared) {
    return declared instanceof TopKWeightAndReduce.Delegate
        ? new TopKWeightAndReduce.Contiguous()
        : declared;
  }
}
