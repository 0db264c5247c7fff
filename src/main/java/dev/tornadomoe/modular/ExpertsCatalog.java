package dev.tornadomoe.modular;

import dev.tornadomoe.layer.MoeLayer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/// The pieces that come with the library, and the choice among them.
public final class ExpertsCatalog {
  /// In order of preference.
  private static final List<ModularMoe> ALL =
      List.of(
          new ModularMoe(new LocalPrepareAndFinalize(), new HybridExperts()),
          new ModularMoe(new LocalPrepareAndFinalize(), new FusedExperts()),
          new ModularMoe(new LocalPrepareAndFinalize(), new UnreducedExperts()),
          new ModularMoe(new BatchedPrepareAndFinalize(), new BatchedExperts()));

  private ExpertsCatalog() {}

  /// The outcome of a choice.
  ///
  /// @param chosen the first that can compute the layer
  /// @param rejected those before it, each with its reason
  public record Choice(ModularMoe chosen, List<String> rejected) {}

  /// The best pieces for a layer.
  ///
  /// @param layer with or without a router
  /// @return the first of the catalogue that supports it
  /// @throws ModularException when none can compute it, with every reason
  public static Choice choose(MoeLayer layer) {
    return choose(layer, ALL);
  }

  /// The same among others.
  ///
  /// @param candidates in order of preference
  static Choice choose(MoeLayer layer, List<ModularMoe> candidates) {
    List<String> rejected = new ArrayList<>();
    for (ModularMoe candidate : candidates) {
      String refusal = candidate.experts().supports(layer).refusal();
      if (refusal == null) {
        return new Choice(candidate, List.copyOf(rejected));
      }
      rejected.add(candidate.experts().name() + ": " + refusal);
    }
    throw new ModularException(
        String.format(
            Locale.ROOT,
            "layer %d: no experts can compute it (%s)",
            layer.index(),
            String.join("; ", rejected)));
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
