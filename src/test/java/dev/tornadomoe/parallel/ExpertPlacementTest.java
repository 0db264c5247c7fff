package dev.tornadomoe.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ExpertPlacementTest {

  @Test
  void neighboursTogether() {
    assertThat(ExpertPlacement.contiguous(5, 3)).hasToString("0 1 | 2 3 | 4");
    assertThat(ExpertPlacement.contiguous(4, 4)).hasToString("0 | 1 | 2 | 3");
    assertThat(ExpertPlacement.contiguous(3, 1)).hasToString("0 1 2");
  }

  @Test
  void inTurns() {
    assertThat(ExpertPlacement.roundRobin(5, 3)).hasToString("0 3 | 1 4 | 2");
  }

  @Test
  void mapNumbersTheExpertsOfARank() {
    ExpertPlacement placement = ExpertPlacement.of(4, List.of(List.of(3, 0), List.of(2, 1)));
    // Two more experts have no weights.
    assertThat(IntStream.range(0, 6).map(placement.map(0, 6)::localOf))
        .containsExactly(1, -1, -1, 0, -1, -1);
    assertThat(placement.holder(4, 0, 0)).isEqualTo(-1);
    assertThat(placement.holder(-1, 0, 0)).isEqualTo(-1);
  }

  @Test
  void tokensOfAHotExpertStayOrAreSpread() {
    ExpertPlacement placement =
        ExpertPlacement.of(2, List.of(List.of(0), List.of(0, 1), List.of(1)));
    assertThat(IntStream.range(0, 4).map(token -> placement.holder(0, 1, token))).containsOnly(1);
    assertThat(IntStream.range(0, 4).map(token -> placement.holder(0, 2, token)))
        .containsExactly(0, 1, 0, 1);
    assertThat(placement.expertsOf(1)).containsExactly(0, 1);
  }

  @Test
  void whatMakesNoSenseIsRefused() {
    assertThatThrownBy(() -> ExpertPlacement.contiguous(3, 4))
        .isInstanceOf(ParallelException.class)
        .hasMessage("3 experts can't be divided among 4 ranks: every rank needs one at least");
    assertThatThrownBy(() -> ExpertPlacement.roundRobin(3, 4)).hasMessageContaining("3 experts");
    assertThatThrownBy(() -> ExpertPlacement.of(2, List.of(List.of(0), List.of(2))))
        .hasMessage("the placement gives rank 1 expert 2, expected 0 to 1");
    assertThatThrownBy(() -> ExpertPlacement.of(2, List.of(List.of(0, 0), List.of(1))))
        .hasMessage("the placement gives rank 0 expert 0 twice");
    assertThatThrownBy(() -> ExpertPlacement.of(2, List.of(List.of(0, 1), List.of())))
        .hasMessage("the placement gives rank 1 no expert; every rank needs one at least");
    assertThatThrownBy(() -> ExpertPlacement.of(3, List.of(List.of(0), List.of(1))))
        .hasMessage("the placement gives expert 2 to no rank");
  }
}
