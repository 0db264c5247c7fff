package dev.tornadomoe.cli.console;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class WrappedTest {

  @Test
  void shortTextIsOneLine() {
    assertThat(Wrapped.lines("mpi  ", "Open MPI")).containsExactly("mpi  Open MPI");
  }

  @Test
  void longTextGoesOnBelowAndLosesNothing() {
    String text = "a device of some words and 1234 MiB, ".repeat(9).strip();

    assertThat(Wrapped.lines("0:0 ", text))
        .hasSizeGreaterThan(3)
        .allMatch(line -> line.length() <= 100)
        .first()
        .asString()
        .hasSizeGreaterThan(90)
        .startsWith("0:0 a device");
    assertThat(Wrapped.lines("0:0 ", text).subList(1, 4))
        .allMatch(line -> line.startsWith("      "));
    assertThat(String.join(" ", Wrapped.lines("", text)).replaceAll(" +", " ")).isEqualTo(text);
  }

  @Test
  void aWordThatIsTooLongHasALineForItself() {
    String path = "/" + "x".repeat(120);

    assertThat(Wrapped.lines("", "there is no " + path + " here"))
        .containsExactly("there is no", "  " + path, "  here");
  }
}
