package dev.tornadomoe.backend.cpu.kernel;

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// Makes copies of a kernel class in which what varies (a weight's type, whether there are zero
/// points) is a constant. It has to be one: where a vector comes out of a branch that the compiler
/// can't decide, it makes an object of every vector. Java has no templates; loading the same class
/// file again as a hidden class, with the constants as its class data ([JEP
/// 371](https://openjdk.org/jeps/371)), is one.
///
/// A kernel class reads its constants in its static initialiser with [#constants].
public final class KernelCopies {
  private static final Map<Key, MethodHandle> CONSTRUCTORS = new ConcurrentHashMap<>();

  private record Key(Class<?> template, Object constants) {}

  private KernelCopies() {}

  /// An instance of the copy of a class that has these constants.
  ///
  /// @param room the lookup of a class in the template's package, which is where a copy lives
  /// @param type what it is used as
  /// @param template the class, with a constructor of one argument
  /// @param constants compared with `equals`: one copy for each
  /// @param argument for the constructor
  public static <T> T create(
      MethodHandles.Lookup room,
      Class<T> type,
      Class<? extends T> template,
      Object constants,
      Object argument) {
    MethodHandle constructor =
        CONSTRUCTORS.computeIfAbsent(
            new Key(template, constants), key -> copy(room, key, argument.getClass()));
    try {
      return type.cast(constructor.invoke(argument));
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static MethodHandle copy(MethodHandles.Lookup room, Key key, Class<?> argument) {
    String file = key.template().getSimpleName() + ".class";
    try (InputStream bytes = key.template().getResourceAsStream(file)) {
      if (bytes == null) {
        throw new IllegalStateException(file + " is not on the class path");
      }
      MethodHandles.Lookup copy =
          room.defineHiddenClassWithClassData(bytes.readAllBytes(), key.constants(), true);
      return copy.findConstructor(copy.lookupClass(), MethodType.methodType(void.class, argument))
          .asType(MethodType.methodType(Object.class, Object.class));
    } catch (IOException | ReflectiveOperationException e) {
      throw new IllegalStateException("no copy of " + file, e);
    }
  }

  /// The constants of the calling copy.
  ///
  /// @param lookup the copy's own
  public static <T> T constants(MethodHandles.Lookup lookup, Class<T> type) {
    try {
      T constants = MethodHandles.classData(lookup, "_", type);
      if (constants == null) {
        throw new IllegalStateException(lookup.lookupClass() + " is the original, not a copy");
      }
      return constants;
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }
}
