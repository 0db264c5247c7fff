package dev.tornadomoe.modular;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// The two ends of a modular MoE layer. They are one piece because both ends share a mechanism:
/// what dispatches tokens to experts must combine their results.
///
/// An implementation for experts on several machines returns false from [#isLocal], sends rows in
/// [#prepare], receives others' in [#receive] and brings results back in [#finish]
/// ([CustomOperation]). What the experts get has its own buffers: see [#expertInput] and
/// [#expertTokens].
public interface PrepareAndFinalize {

  /// {@return the name for plans and messages, in lower case}
  String name();

  /// {@return the format in which experts get their rows}
  ActivationFormat format();

  /// Whether finalize only touches this process's memory. If not, `fused_out` may be read while the
  /// output is written, so they are never the same memory; calls without tokens run too, since
  /// others' tokens may come in; and finalize counts every expert with weights, wherever it is.
  ///
  /// @return true where a call's results depend on this process alone
  boolean isLocal();

  /// What finalize will do for experts that declare this. A finalize that accepts
  /// [TopKWeightAndReduce.Delegate] returns what it puts in its place; everything else is returned
  /// as it is.
  ///
  /// @param declared what [Experts#weightAndReduce] says
  /// @return what finalize does instead, or the same
  /// @throws ModularException for experts whose results it can't finalize
  TopKWeightAndReduce resolve(TopKWeightAndReduce declared);

  /// Whether the caller can do what finalize does instead: weight and sum the experts' rows `[M*k,
  /// H]` as they are, with the ids and weights of the router. False by default: who dispatches rows
  /// must combine them.
  ///
  /// @return true where nothing of [#finish] is needed then
  default boolean supportsDeferral() {
    return false;
  }

  /// {@return which layers it can serve}
  ///
  /// @param problem sizes, and the layer
  default Support supports(Problem problem) {
    return Support.yes();
  }

  /// Scratch memory of [#prepare] and [#finish], beside the experts' output; none by default.
  ///
  /// @param problem sizes; its tokens are the most of a bucket
  /// @return buffers that steps of both may use
  default List<Workspace> workspaces(Problem problem) {
    return List.of();
  }

  /// What the experts get: by default the rows where they are.
  ///
  /// @param input the hidden states, weighted if that is due
  /// @param weights the router's weights, or null where they went on the input
  /// @return operands in [#format]
  default ExpertInput expertInput(Operand input, @Nullable Operand weights) {
    return new ExpertInput(input, Operand.TOPK_IDS, weights);
  }

  /// How many rows the experts can get for a call with so many tokens: as many, unless rows of
  /// other processes come in. Must grow with the tokens. A prepare that gets fewer says so
  /// ([CustomOperation.OperandMemory#handOver]), or gives the rows that nobody fills ids of -1.
  ///
  /// @param tokens of the call, 0 or more
  /// @return rows for which the experts' buffers are made
  default int expertTokens(int tokens) {
    return tokens;
  }

  /// What carries rows to other processes takes of this host's memory beside [#workspaces]; nothing
  /// by default.
  ///
  /// @param tokens the most of a call
  /// @return bytes, once for all layers and sessions
  default long carrierBytes(int tokens) {
    return 0;
  }

  /// From hidden states to the experts' input. Must not change the hidden states: shared experts
  /// read them too. Nothing by default: the rows stay where they are.
  ///
  /// @param input the hidden states, weighted if that is due
  /// @return operations in the order in which they run
  default List<Operation> prepare(Operand input) {
    return List.of();
  }

  /// What is left to do before the experts begin, after shared experts have run: the place to
  /// receive what [#prepare] has sent for, so that both take place at the same time. Nothing by
  /// default.
  ///
  /// @param input as in [#prepare]
  /// @return operations in the order in which they run
  default List<Operation> receive(Operand input) {
    return List.of();
  }

  /// What travels between processes in a call: each way in which it could be done, one of them the
  /// one that is used. Nothing by default.
  ///
  /// @param tokens that each process has
  /// @return what explanations of a plan say
  default List<Travel> travel(int tokens) {
    return List.of();
  }

  /// From `fused_out` to finished rows.
  ///
  /// @param reduce what is left to do, resolved
  /// @param weighted whether the router's weights are still to be applied
  /// @param target the rows, all of which are written
  /// @return operations in the order in which they run
  default List<Operation> finish(TopKWeightAndReduce reduce, boolean weighted, Operand target) {
    return reduce.operations(Operand.FUSED_OUT, weighted ? Operand.TOPK_WEIGHTS : null, target);
  }
}
