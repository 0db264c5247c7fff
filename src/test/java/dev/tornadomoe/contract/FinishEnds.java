package dev.tornadomoe.contract;

import dev.tornadomoe.modular.ActivationFormat;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.PrepareAndFinalize;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import java.util.List;
import java.util.function.Function;

/// The local prepare/finalize with a finalize of the test's own.
///
/// @param finish from the rows to be written to the operations
public record FinishEnds(Function<Operand, List<Operation>> finish) implements PrepareAndFinalize {

  @Override
  public String name() {
    return "own finish";
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
    return declared;
  }

  @Override
  public List<Operation> finish(TopKWeightAndReduce reduce, boolean weighted, Operand target) {
    return finish.apply(target);
  }
}
