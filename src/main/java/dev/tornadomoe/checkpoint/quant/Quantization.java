package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Weight;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// How a checkpoint stores the weights of its quantised linear layers, as its `quantization_config`
/// says. One implementation per method.
public interface Quantization {
  /// The types that unquantised weights and the scales of quantised ones may have.
  Set<DType> FLOATS = EnumSet.of(DType.F32, DType.F16, DType.BF16);

  /// What configs of MLX, which name no method, are given as one.
  String MLX = "mlx";

  /// The weight of a linear layer, or null when the layer is not stored in quantised form.
  ///
  /// @param tensors where the weight's parts are looked up
  /// @param module the layer's name, without `.weight`
  /// @param rows output features
  /// @param columns input features
  /// @return a weight `[rows, columns]` that is loaded when it is asked to be
  @Nullable Weight find(TensorStore tensors, String module, int rows, int columns);

  /// The weights of all experts in one tensor, or null when that is not stored in quantised form.
  ///
  /// @param tensors where the parts are looked up
  /// @param name the tensor's name where it is unquantised
  /// @param experts how many
  /// @param outputs of each
  /// @param inputs of each
  /// @param transposed whether values that are stored unpacked are `[experts, inputs, outputs]`
  /// @return the experts' matrices `[outputs, inputs]`
  default @Nullable ExpertStack findStack(
      TensorStore tensors, String name, int experts, int outputs, int inputs, boolean transposed) {
    return null;
  }

  /// {@return what is known of the ways to store weights in safetensors files, unquantised first}
  static List<FormatNotes> formats() {
    return Stream.concat(
            Stream.of(FormatNotes.PLAIN),
            Arrays.stream(QuantizationMethod.values()).flatMap(method -> method.notes().stream()))
        .toList();
  }

  /// Reads `quantization_config`; without one nothing is quantised. Older files name no method; of
  /// those only compressed-tensors can be told by its fields.
  ///
  /// @param config the file that has it, for messages
  /// @param json what it says, or null where it says nothing of quantisation
  /// @return the method that the file names
  /// @throws dev.tornadomoe.checkpoint.file.CheckpointException for a method or an option that is
  ///   not supported
  static Quantization of(Path config, @Nullable Map<String, Object> json) {
    if (json == null) {
      return new Unquantised(config);
    }
    QuantizationJson fields = new QuantizationJson(config, json).unwrapped();
    if (fields.value("quant_method") == null && fields.value("config_groups") == null) {
      return (tensors, module, rows, columns) -> {
        throw fields.unsupported("no \"quant_method\" and no \"config_groups\"");
      };
    }
    String method = fields.text("quant_method", "compressed-tensors");
    return QuantizationMethod.named(method)
        .map(known -> known.read(fields))
        .orElse((tensors, module, rows, columns) -> {
          throw fields.unsupported(
              String.format(
                  Locale.ROOT,
                  "quant_method \"%s\" (supported: %s)",
                  method,
                  QuantizationMethod.known()));
        });
  }
}
