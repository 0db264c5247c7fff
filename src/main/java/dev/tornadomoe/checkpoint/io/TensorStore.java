package dev.tornadomoe.checkpoint.io;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.StoredTensor;
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

  /// {@return the names of all tensors, in the order of the files}
  Set<String> names();

  /// {@return the tensor, over the file's mapped memory, or null when there is none of that name}
  ///
  /// @param name in full
  /// @throws CheckpointException when the file that should hold it is missing or broken
  @Nullable TensorView find(String name);

  /// {@return what the file says of a tensor, or null when there is none of that name}
  ///
  /// @param name in full
  /// @throws CheckpointException when the file that should hold it is missing or broken
  default @Nullable StoredTensor stored(String name) {
    TensorView tensor = find(name);
    return tensor == null ? null : StoredTensor.of(tensor);
  }

  /// {@return what messages call the file that holds the tensor, or would}
  ///
  /// @param name in full, whether it is there or not
  String fileOf(String name);

  /// The tensor, which must be there.
  ///
  /// @param name in full
  /// @return the tensor, over the file's mapped memory
  /// @throws CheckpointException when there is none of that name
  default TensorView require(String name) {
    TensorView tensor = find(name);
    if (tensor == null) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "%s: tensor \"%s\" is missing", fileOf(name), name));
    }
    return tensor;
  }

  /// The tensor, which must be there with one of these types and this shape.
  ///
  /// @param name in full
  /// @param types those that the caller can read
  /// @param shape the expected lengths, the slowest first
  /// @return the tensor, over the file's mapped memory
  /// @throws CheckpointException when it is missing or something else
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
    if (!isShaped(tensor.shape(), shape)) {
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

  /// {@return whether a stored shape is the expected one, as this kind of file has shapes}
  ///
  /// @param found the tensor's
  /// @param expected lengths, the slowest first
  default boolean isShaped(Shape found, long... expected) {
    return found.is(expected);
  }

  private static boolean isTransposed(Shape found, long... expected) {
    return found.rank() == 2 && expected.length == 2 && found.is(expected[1], expected[0]);
  }
}
