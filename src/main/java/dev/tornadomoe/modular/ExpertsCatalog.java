package dev.tornadomoe.modular;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/// The pieces that come with the library.
public final class ExpertsCatalog {
  /// In order of preference.
  private static final List<ModularMoe> ALL =
      List.of(
          new ModularMoe(new LocalPrepareAndFinalize(), new HybridExperts()),
          new ModularMoe(new LocalPrepareAndFinalize(), new FusedExperts()),
          new ModularMoe(new LocalPrepareAndFinalize(), new UnreducedExperts()),
          new ModularMoe(new BatchedPrepareAndFinalize(), new BatchedExperts()));

  private ExpertsCatalog() {}

  /// {@return the pieces that suit every layer on a host: hybrid experts, which take each weight
  /// format}
  public static ModularMoe preferred() {
    return ALL.getFirst();
  }

  /// {@return the pieces for callers that weight and sum themselves: unreduced experts}
  public static ModularMoe deferring() {
    return named("unreduced");
  }

  /// Pieces by the experts' name: `hybrid`, `fused`, `unreduced`, `batched`.
  ///
  /// @param name as `--experts` takes it
  /// @return those experts with the prepare and finalize that suit them
  /// @throws ModularException for an unknown name, with the known ones
  public static ModularMoe named(String name) {
    for (ModularMoe candidate : ALL) {
      if (candidate.experts().name().equals(name.toLowerCase(Locale.ROOT))) {
        return candidate;
      }
    }
    throw new ModularException(
        String.format(
            Locale.ROOT,
            "there are no experts \"%s\" (there are: %s)",
            name,
            ALL.stream()
                .map(candidate -> candidate.experts().name())
                .collect(Collectors.joining(", "))));
  }
}
