package dev.tornadomoe.modular;

/// All experts in this process, rows where they are: nothing to prepare.
public final class LocalPrepareAndFinalize implements PrepareAndFinalize {

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

  @Override
  public TopKWeightAndReduce resolve(TopKWeightAndReduce declared) {
    return declared instanceof TopKWeightAndReduce.Delegate
        ? new TopKWeightAndReduce.Contiguous()
        : declared;
  }
}
