/** Why nothing moves any more. */
@org.jspecify.annotations.NullMarked
package io.longhaul.monitor.hang;
