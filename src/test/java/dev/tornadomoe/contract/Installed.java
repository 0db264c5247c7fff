package dev.tornadomoe.contract;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/// Programs that tests need and a machine may lack. A test is skipped without them, except where
/// all tests are meant to run: with `CI=true` in the environment a missing one is an error.
public final class Installed {
  private Installed() {}

  /// Skips a test or fails it, unless a program is there.
  ///
  /// @param there whether it is
  /// @param program its name
  /// @param debianPackage what brings it
  public static void require(boolean there, String program, String debianPackage) {
    require(there, program, debianPackage, "true".equals(System.getenv("CI")));
  }

  static void require(boolean there, String program, String debianPackage, boolean all) {
    String missing = "needs " + program + " (apt install " + debianPackage + ")";
    if (!there && all) {
      fail("CI=true, and this test " + missing);
    }
    assumeTrue(there, "not run: " + missing);
  }
}
