package dev.tornadomoe.modular;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.Shape;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// The middle of a modular MoE layer: from rows and chosen experts to `fused_out`, and how much of
/// weighting and summing that leaves to finalize.
///
/// Implementations hold no memory: they declare the scratch they need and the operations they
/// consist of, and the planner places them. What they write goes to [Operand#FUSED_OUT].
public interface Experts {

  /// {@return the name for plans and messages, in lower case}
  String name();

  /// {@return whether they can compute this layer, and if not, why not}
  ///
  /// @param layer with its weights' formats
  Support supports(MoeLayer layer);

  /// {@return the format in which they get their rows}
  ActivationFormat format();

  /// {@return what they promise about writing `fused_out`}
  Set<Capability> capabilities();

  /// Whether `fused_out` may be the caller's own output. Only they can know that they write every
  /// element of every row, nothing outside them, and through the view they are given; so it is
  /// false unless they say otherwise. A plan asks for each range of token counts, where only some
  /// paths may do so.
  ///
  /// @param problem sizes; its tokens say which path
  /// @return false unless an implementation says otherwise
  default boolean supportsOutputAlias(Problem problem) {
    return false;
  }

  /// {@return what they leave to finalize}
  TopKWeightAndReduce weightAndReduce();

  /// The token counts up to which other operations are used than above: `[5]` for experts that
  /// treat 1 to 5 tokens in another way than more. A plan has a bucket for each, and decides for
  /// each.
  ///
  /// @return ascending token counts; empty where every count takes the same path
  default List<Integer> pathLimits() {
    return List.of();
  }

  /// Where the layer's experts are, if they bring the results of some from elsewhere: what they
  /// write is then the whole sum, though not all experts are here.
  ///
  /// @param layer as it is planned, with the experts that are here
  /// @return all sides, this one among them; empty where experts are here alone
  default List<ExpertSide> sides(MoeLayer layer) {
    return List.of();
  }

  /// What decided which path they take for how many tokens, where that was measured or chosen.
  ///
  /// @return a sentence for `explain`
  default Optional<String> remark() {
    return Optional.empty();
  }

  /// {@return the shape of `fused_out`}
  ///
  /// @param problem sizes; its tokens are the most of a bucket
  Shape outputShape(Problem problem);

  /// {@return scratch memory, beside `fused_out`}
  ///
  /// @param problem sizes; its tokens are the most of a bucket
  List<Workspace> workspaces(Problem problem);

  /// The operations, in order.
  ///
  /// @param problem sizes; its tokens say which path
  /// @param input what prepare hands over, in [#format]
  /// @return operations that read the input and write all of `fused_out`
  List<Operation> operations(Problem problem, ExpertInput input);
}
