package dev.tornadomoe.checkpoint.file;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Named tensors in one or more files.
public interface TensorStore {

  Set<String> names();

  /// The tensor, over the file's mapped memory, or null when there is none of that name.
  ///
  /// @throws CheckpointException when the file that should hold it is missing or broken
  @Nullable TensorView find(String name);

  /// What the file says of a tensor, or null when there is none of that name.
  ///
  /// @throws CheckpointException when the file that should hold it is missing or broken
  default @Nullable StoredTensor stored(String name) {
    TensorView tensor = find(name);
    return tensor == null ? null : StoredTensor.of(tensor);
  }

  /// What messages call the file that holds the tensor, or would.
  String fileOf(String name);

  /// The tensor, which must be there.
  default TensorView require(String name) {
    TensorView tensor = find(name);
    if (tensor == null) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "%s: tensor \"%s\" is missing", fileOf(name), name));
    }
    return tensor;
  }

  /// The tensor, which must be there with one of these types and this shape.
  default TensorView require(String name, Set<DType> types, long... shape) {
    TensorView tensor = require(name);
    if (!types.contains(tensor.dtype())) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s, expected %s",
              fileOf(name),
              name,
              tensor.dtype(),
              types.stream().map(DType::name).sorted().collect(Collectors.joining(" or "))));
    }
    if (!tensor.shape().is(shape)) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s, expected %s%s",
              fileOf(name),
              name,
              StrictJson.excerpt(tensor.shape()),
              Arrays.toString(shape),
              isTransposed(tensor.shape(), shape) ? "; is this a transposed export?" : ""));
    }
    return tensor;
  }

  private static boolean isTransposed(Shape found, long... expected) {
    return found.rank() == 2 && expected.length == 2 && found.is(expected[1], expected[0]);
  }
}
