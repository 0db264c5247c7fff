package dev.tornadomoe.layer.family;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/// A family that comes with the library: it claims the model types that it has notes of, so that
/// none is missing in `docs/formats.md`.
interface OwnFamily extends MoeFamily {

  /// {@return the rows of its model types}
  List<ModelNotes> notes();

  @Override
  default Set<String> modelTypes() {
    return notes().stream()
        .flatMap(notes -> notes.modelTypes().stream())
        .collect(Collectors.toUnmodifiableSet());
  }
}
