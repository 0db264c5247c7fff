package dev.tornadomoe.layer.gguf;

import java.util.stream.Stream;

/// What users are told of an architecture of GGUF files: a row of `docs/formats.md`, which is made
/// of these, as Markdown.
///
/// @param id `general.architecture`
/// @param scores what scores the experts
/// @param renormalised whether the chosen experts' weights are made to sum to 1
/// @param bias whether there is one for the selection
/// @param scale whether weights are multiplied by one
/// @param shared I of the shared expert
/// @param activation between an expert's projections where it is another than SiLU on gates
public record ArchitectureNotes(
    String id,
    String scores,
    String renormalised,
    String bias,
    String scale,
    String shared,
    String activation) {

  /// For each of its names.
  static Stream<ArchitectureNotes> of(Architecture architecture) {
    return architecture.ids().stream().map(id -> of(architecture, id));
  }

  /// @param id one of the architecture's
  private static ArchitectureNotes of(Architecture architecture, String id) {
    return new ArchitectureNotes(
        id,
        scores(architecture),
        architecture.renormalise().text(),
        correction(architecture),
        architecture.has(Part.SCALE_KEY) ? "yes" : "",
        shared(architecture),
        activation(architecture));
  }

  private static String scores(Architecture architecture) {
    String usual = architecture.gate().text();
    if (architecture.has(Part.TABLES)) {
      return usual + "; in the first `hash_layer_count` blocks by token id";
    }
    if (architecture.has(Part.OWN_NORMS)) {
      return usual + ", behind a norm of its own";
    }
    if (!architecture.has(Part.GATE_KEY)) {
      return architecture.has(Part.BIASES) ? usual + ", with biases" : usual;
    }
    return architecture.gate() == Gate.NOT_STATED
        ? "function, which must be there"
        : "function; without it " + usual;
  }

  private static String correction(Architecture architecture) {
    if (architecture.has(Part.REQUIRED_CORRECTION)) {
      return "must be there";
    }
    return architecture.has(Part.CORRECTION) ? "may be there" : "";
  }

  private static String shared(Architecture architecture) {
    String size = architecture.shared().text();
    if (architecture.has(Part.SHARED_AVERAGED)) {
      return size + "; averaged with the routed experts";
    }
    if (architecture.has(Part.SHARED_GATE_UP)) {
      return size + "; its `ffn_up_shexp` has gates and ups";
    }
    return architecture.has(Part.SHARED_GATE) ? size + "; with a sigmoid gate" : size;
  }

  private static String activation(Architecture architecture) {
    if (architecture.has(Part.SQUARED_RELU)) {
      return "squared ReLU, no gates";
    }
    if (architecture.has(Part.GELU)) {
      return "GELU by tanh";
    }
    if (architecture.has(Part.CLAMPED_SWIGLU)) {
      return "gpt-oss's";
    }
    if (!architecture.has(Part.LIMITS)) {
      return "";
    }
    String where =
        architecture.has(Part.LIMITED_BEFORE_SILU) ? "limits before SiLU" : "limits after SiLU";
    if (architecture.has(Part.LIMITED_IF_ABSENT)) {
      return where + ", 7 if nothing else is said";
    }
    if (architecture.has(Part.SAME_LIMITS)) {
      return where + ", of the shared expert too if nothing else is said";
    }
    return architecture.has(Part.SHARED_LIMITS) ? where : where + ", not of the shared expert";
  }
}
