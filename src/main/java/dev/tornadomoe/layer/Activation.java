package dev.tornadomoe.layer;

import java.util.Locale;

/// The function between an expert's first and second projection. Gated experts compute
/// `function(gate) * up`, others `function(up)`.
///
/// @param function which one
/// @param limit for the clamped functions, what they clamp to; infinity for others
/// @param alpha for [Function#SWIGLU_OAI], the factor inside the sigmoid
public record Activation(Function function, float limit, float alpha) {

  public static final Activation SILU = new Activation(Function.SILU);
  public static final Activation GELU = new Activation(Function.GELU);
  public static final Activation GELU_TANH = new Activation(Function.GELU_TANH);
  public static final Activation RELU = new Activation(Function.RELU);
  public static final Activation RELU_SQUARED = new Activation(Function.RELU_SQUARED);

  /// The functions themselves.
  public enum Function {
    /// x * sigmoid(x)
    SILU,
    /// x * Phi(x), with the error function
    GELU,
    /// GELU's approximation by tanh
    GELU_TANH,
    /// max(x, 0)
    RELU,
    /// max(x, 0)^2
    RELU_SQUARED,
    /// gpt-oss: g = min(gate, limit), u = clamp(up, -limit, limit), g * sigmoid(alpha * g) * (u +
    /// 1) ([source](https://github.com/openai/gpt-oss/blob/main/gpt_oss/torch/model.py), `swiglu`)
    SWIGLU_OAI,
    /// DeepSeek-V4: silu(min(gate, limit)) * clamp(up, -limit, limit)
    SWIGLU_CLAMPED,
    /// Step-3.5: min(silu(gate), limit) * clamp(up, -limit, limit)
    SWIGLU_STEP
  }

  private Activation(Function function) {
    this(function, Float.POSITIVE_INFINITY, 1);
  }

  /// An activation with its parameters.
  ///
  /// @throws LayerException for a limit or factor that is no positive number
  public Activation {
    if (!(limit > 0) || !(alpha > 0)) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "activation %s needs a positive limit and alpha, found %s and %s",
              function,
              limit,
              alpha));
    }
  }

  /// gpt-oss's clamped SwiGLU, alpha 1.702.
  ///
  /// @param limit what gate and up are clamped to, 7 in gpt-oss
  /// @return an activation of gated experts
  public static Activation swigluOai(float limit) {
    return new Activation(Function.SWIGLU_OAI, limit, 1.702f);
  }

  /// DeepSeek-V4's clamped SwiGLU, which clamps before SiLU.
  ///
  /// @param limit what gate and up are clamped to, `swiglu_limit`
  /// @return an activation of gated experts
  public static Activation swigluClamped(float limit) {
    return new Activation(Function.SWIGLU_CLAMPED, limit, 1);
  }

  /// Step-3.5's clamped SwiGLU, which clamps after SiLU.
  ///
  /// @param limit what the activated gate and up are clamped to
  /// @return an activation of gated experts
  public static Activation swigluStep(float limit) {
    return new Activation(Function.SWIGLU_STEP, limit, 1);
  }

  /// The activation by the name `hidden_act` uses for it.
  ///
  /// @param hiddenAct as in a Hugging Face config: `silu`, `gelu`, `relu2` and so on
  /// @return the activation that transformers uses under that name
  /// @throws LayerException for an unknown name
  public static Activation named(String hiddenAct) {
    return switch (hiddenAct) {
      case "silu", "swish" -> SILU;
      case "gelu" -> GELU;
      case "gelu_pytorch_tanh", "gelu_new", "gelu_tanh" -> GELU_TANH;
      case "relu" -> RELU;
      case "relu2" -> RELU_SQUARED;
      default ->
          throw new LayerException(
              String.format(
                  Locale.ROOT,
                  "activation \"%s\" is not supported (supported: silu, gelu, gelu_pytorch_tanh,"
                      + " relu, relu2)",
                  hiddenAct));
    };
  }

  /// {@return whether only gated experts can use it}
  public boolean needsGate() {
    return switch (function) {
      case SWIGLU_OAI, SWIGLU_CLAMPED, SWIGLU_STEP -> true;
      case SILU, GELU, GELU_TANH, RELU, RELU_SQUARED -> false;
    };
  }
}
