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
          new ModularMoe(new LocalPrepareAndFinalize(), new HybridW4A16Experts()),
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
  /// @throws ModularException when none can compute it, with every reason
  public static Choice choose(MoeLayer layer) {
    List<String> rejected = new ArrayList<>();
    for (ModularMoe candidate : ALL) {
      String refusal = candidate.experts().supports(layer).refusal();
      if (refusal == null) {
        return new Choice(candidate, List.copyOf(rejected));
      }
      rejected.add(candidate.experts().name() + ": " + refusal);
    }
    throw new ModularException(
        "layer %d: no experts can compute it (%s)"
            .formatted(layer.index(), String.join("; ", rejected)));
  }

  /// Pieces by the first word of the experts' name: `fused`, `hybrid`, `unreduced`, `batched`.
  ///
  /// @throws ModularException for an unknown name, with the known ones
  public static ModularMoe named(String name) {
    for (ModularMoe candidate : ALL) {
      if (firstWord(candidate).equals(name.toLowerCase(Locale.ROOT))) {
        return candidate;
      }
    }
    throw new ModularException(
        "there are no experts \"%s\" (there are: %s)"
            .formatted(
                name,
                ALL.stream().map(ExpertsCatalog::firstWord).collect(Collectors.joining(", "))));
  }

  private static String firstWord(ModularMoe candidate) {
    String name = candidate.experts().name();
    int space = name.indexOf(' ');
    return space < 0 ? name : name.substring(0, space);
  }
}
