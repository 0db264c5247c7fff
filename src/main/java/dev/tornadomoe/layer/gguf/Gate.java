package dev.tornadomoe.layer.gguf;

/// What scores experts where `expert_gating_func` is not there.
enum Gate {
  SOFTMAX("softmax"),
  SIGMOID("sigmoid"),
  SOFTMAX_OF_SELECTED("softmax of the selected logits"),
  SQRT_SOFTPLUS("square root of softplus"),
  SIGMOID_OF_SELECTED("highest logit, its sigmoid on the expert's input"),
  /// Sigmoid for files with the sizes of GLM-4.7-Flash, whose first conversions lack the key, and
  /// softmax for all others.
  SOFTMAX_OR_GLM_47_FLASH("softmax, or sigmoid in files with GLM-4.7-Flash's sizes"),
  /// The key must be there: llama.cpp has no default.
  NOT_STATED("");

  private final String text;

  Gate(String text) {
    this.text = text;
  }

  /// For users.
  String text() {
    return text;
  }
}
