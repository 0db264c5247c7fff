package dev.tornadomoe.contract;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ActivationFormat;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.ExpertInput;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.Experts;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.modular.Support;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.modular.Workspace;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/// A user's own experts that add to rows which the plan has zeroed, made of operations that every
/// backend has.
final class AccumulatingExperts implements Experts {
  private static final Operand ACTIVATED = new Operand("my_activated");
  private static final Operand SUM = new Operand("my_sum");

  /// Elements behind each row of the sum.
  private static final int UNUSED = 3;

  @Override
  public String name() {
    return "accumulating";
  }

  @Override
  public Support supports(MoeLayer layer) {
    return Support.yes();
  }

  @Override
  public ActivationFormat format() {
    return ActivationFormat.STANDARD;
  }

  @Override
  public Set<Capability> capabilities() {
    return EnumSet.of(Capability.ACCUMULATES_INTO_OUTPUT);
  }

  @Override
  public boolean supportsOutputAlias(Problem problem) {
    return true;
  }

  @Override
  public TopKWeightAndReduce weightAndReduce() {
    return new TopKWeightAndReduce.NoOp();
  }

  @Override
  public Shape outputShape(Problem problem) {
    return Shape.of(problem.tokens(), problem.hidden());
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    return List.of(
        new Workspace(ACTIVATED, DType.F32, Shape.of(problem.pairs(), problem.intermediate())),
        new Workspace(SUM, DType.F32, Shape.of(problem.tokens(), problem.hidden() + UNUSED)));
  }

  @Override
  public List<Operation> operations(Problem problem, ExpertInput input) {
    return List.of(
        new ExpertOperation.GateUp(input.rows(), input.ids(), ACTIVATED),
        new ReduceOperation.DownReduce(ACTIVATED, input.ids(), input.weights(), List.of(), SUM),
        new RowOperation.Add(Operand.FUSED_OUT, SUM));
  }
}
