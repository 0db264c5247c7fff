package dev.tornadomoe.contract;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.ActivationFormat;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.ExpertInput;
import dev.tornadomoe.modular.Experts;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.Support;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.modular.Workspace;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/// A user's own experts: one step that does it all, promises everything, and does what a test
/// wants.
final class OneStepExperts implements Experts {
  static final Operand SCRATCH = new Operand("my_scratch");

  private final Access.Mode input;
  private final Access.Mode output;
  private final CustomOperation.HostFunction function;
  private final boolean leavesPairs;

  OneStepExperts(Access.Mode input, Access.Mode output, CustomOperation.HostFunction function) {
    this(input, output, function, false);
  }

  private OneStepExperts(
      Access.Mode input,
      Access.Mode output,
      CustomOperation.HostFunction function,
      boolean leavesPairs) {
    this.input = input;
    this.output = output;
    this.function = function;
    this.leavesPairs = leavesPairs;
  }

  /// Those that write rows of pairs `[M*k, H]` and leave it to others to sum them.
  static OneStepExperts leavingPairs(CustomOperation.HostFunction function) {
    return new OneStepExperts(Access.Mode.READ, Access.Mode.OVERWRITE, function, true);
  }

  @Override
  public String name() {
    return "one step";
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
    return EnumSet.complementOf(EnumSet.of(Capability.ACCUMULATES_INTO_OUTPUT));
  }

  @Override
  public boolean supportsOutputAlias(Problem problem) {
    return true;
  }

  @Override
  public TopKWeightAndReduce weightAndReduce() {
    return leavesPairs ? new TopKWeightAndReduce.Contiguous() : new TopKWeightAndReduce.NoOp();
  }

  @Override
  public Shape outputShape(Problem problem) {
    return Shape.of(leavesPairs ? problem.pairs() : problem.tokens(), problem.hidden());
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    return List.of(new Workspace(SCRATCH, DType.F32, Shape.of(problem.tokens(), problem.hidden())));
  }

  @Override
  public List<Operation> operations(Problem problem, ExpertInput given) {
    Operand hidden = given.rows();
    return List.of(
        new CustomOperation(
            "my step",
            List.of(
                new Access(hidden, input),
                new Access(Operand.FUSED_OUT, output),
                new Access(SCRATCH, Access.Mode.OVERWRITE)),
            function));
  }
}
