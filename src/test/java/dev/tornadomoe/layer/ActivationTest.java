package dev.tornadomoe.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class ActivationTest {
  /// The names of transformers' ACT2FN.
  @ParameterizedTest
  @CsvSource({
    "silu, SILU",
    "swish, SILU",
    "gelu, GELU",
    "gelu_pytorch_tanh, GELU_TANH",
    "gelu_new, GELU_TANH",
    "relu, RELU",
    "relu2, RELU_SQUARED"
  })
  void isKnownByItsName(String name, Activation.Function function) {
    Activation activation = Activation.named(name);
    assertThat(activation.function()).isEqualTo(function);
    assertThat(activation.needsGate()).isFalse();
    assertThat(activation.limit()).isInfinite();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "SiLU", "tanh", "quick_gelu", "swiglu_oai"})
  void refusesOtherNames(String name) {
    assertThatThrownBy(() -> Activation.named(name))
        .isInstanceOf(LayerException.class)
        .isInstanceOf(MoeException.class)
        .hasMessageContainingAll("\"" + name + "\"", "supported: silu");
  }

  @Test
  void gptOssClampsAndNeedsAGate() {
    Activation activation = Activation.swigluOai(7);
    assertThat(activation.function()).isEqualTo(Activation.Function.SWIGLU_OAI);
    assertThat(activation.limit()).isEqualTo(7);
    assertThat(activation.alpha()).isEqualTo(1.702f);
    assertThat(activation.needsGate()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(floats = {0, -1, Float.NaN, Float.NEGATIVE_INFINITY})
  void refusesLimitsAndFactorsThatAreNotPositive(float value) {
    assertThatThrownBy(() -> Activation.swigluOai(value))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining(Float.toString(value));
    assertThatThrownBy(() -> new Activation(Activation.Function.SWIGLU_OAI, 7, value))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining(Float.toString(value));
  }

  @ParameterizedTest
  @EnumSource
  void isEqualByItsParts(Activation.Function function) {
    assertThat(new Activation(function, 7, 1)).isEqualTo(new Activation(function, 7, 1));
    assertThat(new Activation(function, 7, 1)).isNotEqualTo(new Activation(function, 8, 1));
  }
}
