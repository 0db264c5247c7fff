package dev.tornadomoe.backend.cpu.kernel.choice;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.cpu.kernel.Species;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Runs with the Vector API's module and, in its own execution, without it.
class KernelChoiceTest {
  private static final boolean MODULE =
      ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();

  private final String before = System.getProperty(KernelChoice.PROPERTY);

  @AfterEach
  void restore() {
    if (before == null) {
      System.clearProperty(KernelChoice.PROPERTY);
    } else {
      System.setProperty(KernelChoice.PROPERTY, before);
    }
  }

  @Test
  void takesTheVectorApiWhereItIs() {
    System.setProperty(KernelChoice.PROPERTY, "auto");

    assertThat(KernelChoice.choose().name()).startsWith(MODULE ? "Vector API" : "scalar");
  }

  @Test
  void saysWhatToDoWhereItIsMissing() {
    if (MODULE) {
      assertThat(KernelChoice.whyNotVector()).isNull();
    } else {
      assertThat(KernelChoice.whyNotVector()).contains("--add-modules jdk.incubator.vector");
    }
  }

  @Test
  void forcedChoiceNeverFallsBack() {
    System.setProperty(KernelChoice.PROPERTY, "vector");
    if (MODULE) {
      assertThat(KernelChoice.choose().name()).startsWith("Vector API");
    } else {
      assertThatThrownBy(KernelChoice::choose)
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("--add-modules");
    }
    System.setProperty(KernelChoice.PROPERTY, "scalar");
    assertThat(KernelChoice.choose().name()).isEqualTo("scalar");
  }

  @Test
  void unknownChoiceNamesTheKnownOnes() {
    System.setProperty(KernelChoice.PROPERTY, "simd");

    assertThatThrownBy(KernelChoice::choose)
        .hasMessage("-Dtornadomoe.cpu.kernels=simd: expected auto, vector or scalar");
  }

  @Test
  void unknownWidthNamesTheKnownOnes() {
    String width = System.getProperty(Species.BITS_PROPERTY);
    System.setProperty(Species.BITS_PROPERTY, "100");
    try {
      assertThatThrownBy(KernelChoice::choose)
          .hasMessage("-Dtornadomoe.cpu.vectorBits=100: expected 128, 256 or 512");
    } finally {
      if (width == null) {
        System.clearProperty(Species.BITS_PROPERTY);
      } else {
        System.setProperty(Species.BITS_PROPERTY, width);
      }
    }
  }
}
