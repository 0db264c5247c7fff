package dev.tornadomoe.contract;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// How much of a sweep runs. Where each plan is compiled for a device, every combination of options
/// takes minutes; what a narrow sweep keeps is every option, and every two together where it says
/// so.
public enum Breadth {
  /// As few combinations as keep that.
  NARROW,
  /// Every combination.
  FULL;

  private static final String PROPERTY = "tests.breadth";

  /// What `-Dtests.breadth=narrow` or `full` asks for.
  ///
  /// @param usual unless it is asked for
  public static Breadth askedOr(Breadth usual) {
    String asked = System.getProperty(PROPERTY, usual.name());
    return switch (asked.toLowerCase(Locale.ROOT)) {
      case "narrow" -> NARROW;
      case "full" -> FULL;
      default ->
          throw new IllegalArgumentException(
              String.format(Locale.ROOT, "-D%s=%s: expected narrow or full", PROPERTY, asked));
    };
  }

  /// Rows that choose a value of each option, by its index: all of them, or so many that each value
  /// is in one.
  ///
  /// @param values how many each option has
  public List<int[]> each(int... values) {
    return this == FULL ? product(values) : covering(1, product(values));
  }

  /// The same, but each two values of different options are in one row.
  public List<int[]> pairs(int... values) {
    return this == FULL ? product(values) : covering(2, product(values));
  }

  private static List<int[]> product(int... values) {
    List<int[]> rows = List.of(new int[values.length]);
    for (int option = 0; option < values.length; option++) {
      List<int[]> longer = new ArrayList<>();
      for (int[] row : rows) {
        for (int value = 0; value < values[option]; value++) {
          int[] copy = row.clone();
          copy[option] = value;
          longer.add(copy);
        }
      }
      rows = longer;
    }
    return rows;
  }

  /// Takes the row with the most that is new, until nothing is.
  private static List<int[]> covering(int strength, List<int[]> rows) {
    Set<List<Integer>> missing = new HashSet<>();
    rows.forEach(row -> missing.addAll(choices(strength, row)));
    List<int[]> taken = new ArrayList<>();
    while (!missing.isEmpty()) {
      int[] best = rows.getFirst();
      int most = 0;
      for (int[] row : rows) {
        int found = (int) choices(strength, row).stream().filter(missing::contains).count();
        if (found > most) {
          best = row;
          most = found;
        }
      }
      missing.removeAll(choices(strength, best));
      taken.add(best);
    }
    return taken;
  }

  /// What a row covers: each option with its value, or two of them.
  private static Set<List<Integer>> choices(int strength, int[] row) {
    Set<List<Integer>> choices = new HashSet<>();
    for (int i = 0; i < row.length; i++) {
      for (int j = i + 1; j < row.length && strength == 2; j++) {
        choices.add(List.of(i, row[i], j, row[j]));
      }
      if (strength == 1) {
        choices.add(List.of(i, row[i]));
      }
    }
    return choices;
  }
}
