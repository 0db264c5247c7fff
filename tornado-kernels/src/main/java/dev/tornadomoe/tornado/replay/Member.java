package dev.tornadomoe.tornado.replay;

import java.lang.reflect.AccessibleObject;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// A field or method of TornadoVM's that is not in its API, found when it is first used.
final class Member {
  private static final String PACKAGE = "uk.ac.manchester.tornado.";

  private static final int FIELD = -1;

  private final String type;
  private final String name;
  private final int arguments;
  private @Nullable AccessibleObject found;

  private Member(String type, String name, int arguments) {
    this.type = type;
    this.name = name;
    this.arguments = arguments;
  }

  /// @param type below TornadoVM's package
  static Member field(String type, String name) {
    return new Member(type, name, FIELD);
  }

  /// A public method, the only one of its name with so many arguments.
  static Member method(String type, String name, int arguments) {
    return new Member(type, name, arguments);
  }

  /// @throws ReplayException where this TornadoVM has no such member
  void require() {
    member();
  }

  /// The field's value, or what the method returns.
  ///
  /// @param result what it must be
  /// @throws ReplayException where this TornadoVM has no such member, or it is something else
  <T> T get(Class<T> result, Object owner, @Nullable Object... arguments) {
    Object value = value(owner, arguments);
    if (!result.isInstance(value)) {
      throw new ReplayException(
          String.format(
              Locale.ROOT,
              "this TornadoVM differs from the one that is known: %s is %s instead of %s",
              this,
              value == null ? "null" : value.getClass().getName(),
              result.getSimpleName()));
    }
    return result.cast(value);
  }

  /// The value of a static field.
  @Nullable Object constant() {
    AccessibleObject member = member();
    try {
      return ((Field) member).get(null);
    } catch (IllegalAccessException e) {
      throw unusable(e);
    }
  }

  /// The same where it may be null.
  @Nullable Object value(Object owner, @Nullable Object... arguments) {
    AccessibleObject member = member();
    try {
      return member instanceof Field field
          ? field.get(owner)
          : ((Method) member).invoke(owner, arguments);
    } catch (InvocationTargetException e) {
      throw new ReplayException(
          String.format(Locale.ROOT, "TornadoVM's %s failed: %s", this, e.getCause()), e);
    } catch (ReflectiveOperationException | RuntimeException e) {
      throw unusable(e);
    }
  }

  private AccessibleObject member() {
    AccessibleObject member = found;
    if (member == null) {
      try {
        member = find();
      } catch (ReflectiveOperationException | RuntimeException e) {
        throw unusable(e);
      }
      found = member;
    }
    return member;
  }

  private AccessibleObject find() throws ReflectiveOperationException {
    Class<?> owner = Class.forName(PACKAGE + type);
    if (arguments == FIELD) {
      Field field = owner.getDeclaredField(name);
      field.setAccessible(true);
      return field;
    }
    return Arrays.stream(owner.getMethods())
        .filter(method -> method.getName().equals(name))
        .filter(method -> method.getParameterCount() == arguments && !method.isBridge())
        .findFirst()
        .orElseThrow(() -> new NoSuchMethodException(toString()));
  }

  private ReplayException unusable(Exception cause) {
    return new ReplayException(
        String.format(
            Locale.ROOT,
            "this TornadoVM differs from the one that is known: %s can't be used (%s)",
            this,
            cause),
        cause);
  }

  @Override
  public String toString() {
    return type.substring(type.lastIndexOf('.') + 1) + "." + name;
  }
}
