package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.opentest4j.AssertionFailedError;
import org.opentest4j.TestAbortedException;

class InstalledTest {
  @Test
  void whatIsThereIsFine() {
    assertThatCode(() -> Installed.require(true, "mpirun", "openmpi-bin", true))
        .doesNotThrowAnyException();
    assertThatCode(() -> Installed.require(true, "mpirun", "openmpi-bin", false))
        .doesNotThrowAnyException();
  }

  @Test
  void whatIsMissingSkipsATest() {
    assertThatThrownBy(() -> Installed.require(false, "mpirun", "openmpi-bin", false))
        .isInstanceOf(TestAbortedException.class)
        .hasMessageContaining("not run: needs mpirun (apt install openmpi-bin)");
  }

  @Test
  void whatIsMissingFailsATestWhereAllAreToRun() {
    assertThatThrownBy(() -> Installed.require(false, "mpirun", "openmpi-bin", true))
        .isInstanceOf(AssertionFailedError.class)
        .hasMessage("CI=true, and this test needs mpirun (apt install openmpi-bin)");
  }
}
