package dev.tornadomoe.layer.family;

import java.util.List;

/// What users are told of model types that work alike: a row of `docs/formats.md`, which is made of
/// these.
///
/// @param modelTypes values of `model_type`
/// @param router how experts are chosen and weighted, as Markdown
/// @param experts how experts are stored, as Markdown
/// @param also what else is read: other spellings, shared experts, its own keys; may be empty
/// @param released checkpoints on Hugging Face, `ORG/NAME`
public record ModelNotes(
    List<String> modelTypes, String router, String experts, String also, List<String> released) {

  /// Copies the lists.
  public ModelNotes {
    modelTypes = List.copyOf(modelTypes);
    released = List.copyOf(released);
  }

  static ModelNotes of(String... modelTypes) {
    return new ModelNotes(List.of(modelTypes), "", "", "", List.of());
  }

  ModelNotes router(String text) {
    return new ModelNotes(modelTypes, text, experts, also, released);
  }

  ModelNotes experts(String text) {
    return new ModelNotes(modelTypes, router, text, also, released);
  }

  ModelNotes also(String text) {
    return new ModelNotes(modelTypes, router, experts, text, released);
  }

  ModelNotes released(String... checkpoints) {
    return new ModelNotes(modelTypes, router, experts, also, List.of(checkpoints));
  }
}
