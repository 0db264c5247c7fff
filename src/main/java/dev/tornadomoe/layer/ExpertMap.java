package dev.tornadomoe.layer;

import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Which of the layer's experts are here: from the index that the router uses to an index among the
/// local experts, or -1 for an expert that lives elsewhere and contributes zero here.
public final class ExpertMap {
  private final int[] localOf;
  private final int local;

  private ExpertMap(int[] localOf, int local) {
    this.localOf = localOf;
    this.local = local;
  }

  /// All experts are here.
  ///
  /// @param experts E of the router
  /// @return a map in which each expert has its own number
  public static ExpertMap identity(int experts) {
    int[] localOf = new int[experts];
    Arrays.setAll(localOf, i -> i);
    return new ExpertMap(localOf, experts);
  }

  /// A map by its values, vLLM's `expert_map`.
  ///
  /// @param localOf for each of the router's experts its local index, or -1
  /// @return a map of as many of the router's experts as there are values
  /// @throws LayerException unless the local indices are 0, 1, 2, ... each once, in any order
  public static ExpertMap of(int... localOf) {
    boolean[] seen = new boolean[localOf.length];
    int local = 0;
    for (int expert = 0; expert < localOf.length; expert++) {
      int index = localOf[expert];
      if (index == -1) {
        continue;
      }
      if (index < 0 || index >= localOf.length || seen[index]) {
        throw new LayerException(
            String.format(
                Locale.ROOT,
                "expert map: expert %d is mapped to local expert %d, which is %s",
                expert,
                index,
                index < 0 || index >= localOf.length ? "out of range" : "taken already"));
      }
      seen[index] = true;
      local++;
    }
    for (int index = 0; index < local; index++) {
      if (!seen[index]) {
        throw new LayerException(
            String.format(
                Locale.ROOT,
                "expert map: %d experts are local, but none is mapped to local expert %d",
                local,
                index));
      }
    }
    return new ExpertMap(localOf.clone(), local);
  }

  /// {@return the local index of an expert, or -1}
  ///
  /// @param expert as the router numbers them, or -1 for none
  public int localOf(int expert) {
    return expert == -1 ? -1 : localOf[expert];
  }

  /// {@return the router's number of a local expert}
  ///
  /// @param local its index among the experts that are here
  /// @throws LayerException when there are not so many
  public int globalOf(int local) {
    for (int expert = 0; expert < localOf.length; expert++) {
      if (local >= 0 && localOf[expert] == local) {
        return expert;
      }
    }
    throw new LayerException(
        String.format(
            Locale.ROOT, "expert map: there is no local expert %d of %d", local, this.local));
  }

  /// {@return e, the experts that the router chooses from}
  public int globalExperts() {
    return localOf.length;
  }

  /// {@return how many experts are here}
  public int localExperts() {
    return local;
  }

  /// {@return whether some experts live elsewhere}
  public boolean isPartial() {
    return local < localOf.length;
  }

  /// Whether it has the same experts in the same places.
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ExpertMap map && Arrays.equals(localOf, map.localOf);
  }

  /// Of the values.
  @Override
  public int hashCode() {
    return Arrays.hashCode(localOf);
  }

  /// As in `all 128` or `32 of 128`.
  @Override
  public String toString() {
    return isPartial() ? local + " of " + localOf.length : "all " + local;
  }
}
