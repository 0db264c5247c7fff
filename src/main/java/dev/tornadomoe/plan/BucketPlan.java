package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Operand;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The plan for calls with a range of token counts: steps of all layers in order, buffers, and what
/// was decided.
///
/// @param minTokens fewest tokens of a call
/// @param maxTokens most tokens of a call; buffers are sized for them
/// @param steps in order, layer after layer
/// @param buffers by id
/// @param bindings for each layer the buffer of each operand; merged operands have the same one
/// @param decisions for each layer whether `fused_out` is the output
/// @param workspaceBytes scratch that a session needs for this bucket
/// @param baseline what it would be without any of the passes
public record BucketPlan(
    int minTokens,
    int maxTokens,
    List<Step> steps,
    List<Buffer> buffers,
    List<Map<Operand, Buffer>> bindings,
    List<AliasDecision> decisions,
    long workspaceBytes,
    Baseline baseline) {

  /// The unimproved plan's figures: every scratch buffer of its own, no alias, nothing folded.
  ///
  /// @param steps operations
  /// @param copies copies into outputs
  /// @param copiedBytes bytes they write at the bucket's most tokens
  /// @param workspaceBytes scratch
  public record Baseline(int steps, int copies, long copiedBytes, long workspaceBytes) {}

  /// {@return the buffer behind an operand}
  ///
  /// @param layer the layer's index in the plan
  /// @param operand that a step of the layer uses
  /// @throws IllegalArgumentException when no step of the layer uses it
  public Buffer buffer(int layer, Operand operand) {
    Buffer buffer = find(layer, operand);
    if (buffer == null) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "layer %d has no %s", layer, operand));
    }
    return buffer;
  }

  /// {@return the buffer behind an operand, or null when no step of the layer uses it}
  ///
  /// @param layer the layer's index in the plan
  /// @param operand any
  public @Nullable Buffer find(int layer, Operand operand) {
    return bindings.get(layer).get(operand);
  }

  /// The steps of one layer.
  ///
  /// @param layer its index in the plan
  /// @return the steps in the order in which they run
  public List<Step> stepsOf(int layer) {
    return steps.stream().filter(step -> step.layer() == layer).toList();
  }

  /// {@return how many copies into outputs are left}
  public int copies() {
    return (int) steps.stream().filter(Step::isOutputCopy).count();
  }

  /// {@return how many bytes these copies write at the bucket's most tokens}
  public long copiedBytes() {
    return steps.stream()
        .filter(Step::isOutputCopy)
        .mapToLong(step -> buffer(step.layer(), Operand.OUTPUT).bytes())
        .sum();
  }

  /// One line: `1 to 4 tokens: 192 steps, 0 copies, workspace 8256 bytes`.
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%d to %d tokens: %d steps, %d copies, workspace %d bytes",
        minTokens,
        maxTokens,
        steps.size(),
        copies(),
        workspaceBytes);
  }
}
