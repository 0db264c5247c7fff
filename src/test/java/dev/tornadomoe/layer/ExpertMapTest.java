package dev.tornadomoe.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ExpertMapTest {
  @Test
  void allExpertsAreHere() {
    ExpertMap map = ExpertMap.identity(5);
    assertThat(map.globalExperts()).isEqualTo(5);
    assertThat(map.localExperts()).isEqualTo(5);
    assertThat(map.isPartial()).isFalse();
    assertThat(map.localOf(4)).isEqualTo(4);
    assertThat(map).hasToString("all 5");
  }

  @Test
  void someExpertsLiveElsewhere() {
    ExpertMap map = ExpertMap.of(-1, 1, -1, 0);
    assertThat(map.globalExperts()).isEqualTo(4);
    assertThat(map.localExperts()).isEqualTo(2);
    assertThat(map.isPartial()).isTrue();
    assertThat(map.localOf(0)).isEqualTo(-1);
    assertThat(map.localOf(1)).isEqualTo(1);
    assertThat(map.localOf(3)).isZero();
    assertThat(map).hasToString("2 of 4");
  }

  @Test
  void allExpertsInAnotherOrderAreStillAll() {
    ExpertMap map = ExpertMap.of(2, 0, 1);
    assertThat(map.isPartial()).isFalse();
    assertThat(map.localOf(0)).isEqualTo(2);
  }

  @Test
  void noExpertMayBeHere() {
    assertThat(ExpertMap.of(-1, -1).localExperts()).isZero();
  }

  static Stream<Arguments> broken() {
    return Stream.of(
        Arguments.of(new int[] {0, 2, -1}, "local expert 1"), // a hole
        Arguments.of(new int[] {1, 2, -1}, "local expert 0"),
        Arguments.of(new int[] {0, 1, 0}, "expert 2"), // a double
        Arguments.of(new int[] {0, -2}, "-2"),
        Arguments.of(new int[] {0, 2}, "out of range"),
        Arguments.of(new int[] {Integer.MAX_VALUE}, "out of range"));
  }

  @ParameterizedTest
  @MethodSource("broken")
  void refusesHolesDoublesAndIndicesOutOfRange(int[] values, String says) {
    assertThatThrownBy(() -> ExpertMap.of(values))
        .as(Arrays.toString(values))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("expert map", says);
  }

  @Test
  void keepsNoReferenceToTheCallersArray() {
    int[] values = {0, 1};
    ExpertMap map = ExpertMap.of(values);
    values[0] = -1;
    assertThat(map.localOf(0)).isZero();
  }
}
