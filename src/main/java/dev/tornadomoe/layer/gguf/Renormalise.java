package dev.tornadomoe.layer.gguf;

/// Whether the weights of the selected experts are made to sum to 1.
enum Renormalise {
  ALWAYS("always"),
  NEVER("never"),
  /// As `expert_weights_norm` says.
  IF_STATED("norm");

  private final String text;

  Renormalise(String text) {
    this.text = text;
  }

  /// For users.
  String text() {
    return text;
  }
}
