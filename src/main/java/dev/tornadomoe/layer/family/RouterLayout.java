package dev.tornadomoe.layer.family;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a model's routers are made of, and the names of their tensors inside the block.
///
/// @param names what the router is called: `gate`, `router`
/// @param correctionBiases what the selection bias is called; empty when the model has none
/// @param correctionIsRow whether that is stored with a row for each of the block's routers
/// @param scale what a factor on all weights is called, a tensor of one element, or null
/// @param table which layers have a table of token ids in the place of a selection, or null
/// @param expertScale what the tensor `[E]` is called that multiplies the weights of the chosen, or
///   null
/// @param bias whether the router has a bias
/// @param mlp what is before the logits, or null
/// @param skips whether experts without weights contribute nothing, instead of what they get
public record RouterLayout(
    List<String> names,
    List<String> correctionBiases,
    boolean correctionIsRow,
    @Nullable String scale,
    @Nullable TableLayout table,
    @Nullable String expertScale,
    boolean bias,
    @Nullable RouterMlpLayout mlp,
    boolean skips) {

  /// What nearly all families share: a linear layer called `gate`.
  static final RouterLayout GATE =
      new RouterLayout(List.of("gate"), List.of(), false, null, null, null, false, null, false);

  /// Copies the lists.
  public RouterLayout {
    names = List.copyOf(names);
    correctionBiases = List.copyOf(correctionBiases);
  }

  RouterLayout named(String... spellings) {
    return new RouterLayout(
        List.of(spellings),
        correctionBiases,
        correctionIsRow,
        scale,
        table,
        expertScale,
        bias,
        mlp,
        skips);
  }

  RouterLayout corrected(String... spellings) {
    return new RouterLayout(
        names, List.of(spellings), correctionIsRow, scale, table, expertScale, bias, mlp, skips);
  }

  RouterLayout correctedByRow(boolean on) {
    return new RouterLayout(
        names, correctionBiases, on, scale, table, expertScale, bias, mlp, skips);
  }

  RouterLayout scaledBy(String tensor) {
    return new RouterLayout(
        names, correctionBiases, correctionIsRow, tensor, table, expertScale, bias, mlp, skips);
  }

  RouterLayout byTable(@Nullable TableLayout layout) {
    return new RouterLayout(
        names, correctionBiases, correctionIsRow, scale, layout, expertScale, bias, mlp, skips);
  }

  RouterLayout withExpertScale(String tensor) {
    return new RouterLayout(
        names, correctionBiases, correctionIsRow, scale, table, tensor, bias, mlp, skips);
  }

  RouterLayout biased(boolean on) {
    return new RouterLayout(
        names, correctionBiases, correctionIsRow, scale, table, expertScale, on, mlp, skips);
  }

  RouterLayout behind(RouterMlpLayout layout) {
    return new RouterLayout(
        names, correctionBiases, correctionIsRow, scale, table, expertScale, bias, layout, skips);
  }

  RouterLayout skipping(boolean on) {
    return new RouterLayout(
        names, correctionBiases, correctionIsRow, scale, table, expertScale, bias, mlp, on);
  }
}
