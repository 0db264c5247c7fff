package dev.tornadomoe.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ProfileTest {
  private static final Profile.Task DOWN = new Profile.Task(0, "down", 2.5, false);
  private static final Profile.Task COPY = new Profile.Task(0, "copy", 0.25, true);

  @Test
  void addsUpTimesAndCountsCopies() {
    Profile profile = new Profile(List.of(DOWN, COPY, DOWN, COPY), 0, 0);

    assertThat(profile.micros()).isCloseTo(5.5, offset(1e-12));
    assertThat(profile.outputCopies()).isEqualTo(2);
  }

  @Test
  void oneTaskWithoutATimeLeavesNone() {
    Profile.Task untimed = new Profile.Task(1, "gate/up", Double.NaN, false);

    assertThat(new Profile(List.of(DOWN, untimed, DOWN), 0, 0).micros()).isNaN();
  }

  @Test
  void addsUpEachOperationInTheOrderOfTheFirst() {
    Profile profile =
        new Profile(List.of(DOWN, COPY, new Profile.Task(1, "down", 1.5, false)), 0, 0);

    assertThat(profile.microsByOperation())
        .containsExactly(Map.entry("down", 4.0), Map.entry("copy", 0.25));
  }

  @Test
  void nothingTakesNoTime() {
    assertThat(new Profile(List.of(), 0, 0).micros()).isZero();
    assertThat(new Profile(List.of(), 0, 0).outputCopies()).isZero();
  }

  @Test
  void keepsItsTasks() {
    List<Profile.Task> tasks = new ArrayList<>(List.of(DOWN));
    Profile profile = new Profile(tasks, 0, 0);
    tasks.clear();

    assertThat(profile.tasks()).containsExactly(DOWN);
  }
}
