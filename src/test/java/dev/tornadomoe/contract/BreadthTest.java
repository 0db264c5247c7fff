package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What narrow sweeps keep.
class BreadthTest {
  private static final int[] VALUES = {4, 2, 3, 2};
  private final String before = System.getProperty("tests.breadth");

  @AfterEach
  void reset() {
    if (before == null) {
      System.clearProperty("tests.breadth");
    } else {
      System.setProperty("tests.breadth", before);
    }
  }

  @Test
  void aFullSweepHasEveryCombinationOnce() {
    assertThat(Breadth.FULL.pairs(VALUES).stream().map(Arrays::toString))
        .hasSize(48)
        .doesNotHaveDuplicates();
    assertThat(Breadth.FULL.each(VALUES)).hasSize(48);
  }

  @Test
  void aNarrowSweepHasEachValueInAsFewRowsAsThatTakes() {
    List<int[]> rows = Breadth.NARROW.each(VALUES);
    assertThat(rows).hasSize(4);
    for (int option = 0; option < VALUES.length; option++) {
      int at = option;
      assertThat(rows.stream().map(row -> row[at]).distinct()).hasSize(VALUES[option]);
    }
  }

  @Test
  void aNarrowSweepOfPairsHasEachTwoValuesTogether() {
    List<int[]> rows = Breadth.NARROW.pairs(VALUES);
    assertThat(rows).hasSizeBetween(12, 14);
    for (int i = 0; i < VALUES.length; i++) {
      for (int j = i + 1; j < VALUES.length; j++) {
        int one = i;
        int other = j;
        assertThat(rows.stream().map(row -> List.of(row[one], row[other])).distinct())
            .hasSize(VALUES[i] * VALUES[j]);
      }
    }
  }

  @Test
  void thePropertyIsOneOfTwoWords() {
    System.setProperty("tests.breadth", "full");
    assertThat(Breadth.askedOr(Breadth.NARROW)).isEqualTo(Breadth.FULL);
    System.clearProperty("tests.breadth");
    assertThat(Breadth.askedOr(Breadth.NARROW)).isEqualTo(Breadth.NARROW);
    System.setProperty("tests.breadth", "wide");
    assertThatThrownBy(() -> Breadth.askedOr(Breadth.NARROW))
        .hasMessage("-Dtests.breadth=wide: expected narrow or full");
  }
}
