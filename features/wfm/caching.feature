@wfm
Feature: What has not changed is not sent again
  A client that names what it holds is told so in a few bytes. What can never change may be kept for good, what can
  is asked for anew, and nobody but the client may keep either.

  @needs:northbound @req:DS-062 @req:DS-008
  Scenario: A client that has the newest manifest is told so
    Given client A has been given the primary application
    When client A asks for its manifest, naming the one it holds
    Then it is told that nothing has changed
    When the operator deploys the next release of the primary application
    And client A asks for its manifest, naming the first one it held
    Then it is given the whole manifest

  @req:DS-062 @req:DS-008
  Scenario: A client with nothing to run is told that nothing has changed
    When client A asks for its manifest
    And client A asks for its manifest, naming the one it holds
    Then it is told that nothing has changed

  @req:DS-006 @req:DS-056
  Scenario Outline: A client that names <held> is given the whole manifest
    Given client A has asked for its manifest
    When client A asks for its manifest, naming <held>
    Then it is given the whole manifest

    Examples:
      | held                              |
      | a manifest that never was         |
      | a digest without quotes           |
      | words that are no tag             |

  @req:DS-062
  Scenario Outline: Other ways to name the manifest that is held are noted: <held>
    Given client A has asked for its manifest
    When client A asks for its manifest, naming <held>
    Then what the WFM makes of it is noted, and a plain question still works

    Examples:
      | held                               |
      | the one it holds among others      |
      | the one it holds, marked as weak   |
      | anything at all                    |

  @needs:northbound @req:DS-028 @req:DS-056 @req:DS-057 @req:DS-052
  Scenario: The tag of a manifest follows its content
    Given client A has been given the primary application
    When the operator deploys the next release of the primary application
    Then each manifest of client A has a tag of its own

  @needs:northbound @req:DS-037 @req:DS-043 @req:DS-059 @req:DS-060 @req:DS-061 @req:DS-063 @req:DS-064
  Scenario: Content is kept for good, manifests are not
    Given client A has been given the primary application
    When client A fetches everything its manifest names
    Then what may be kept and for how long has been said in every answer

  @needs:northbound @req:DS-067
  Scenario: Content that the client holds need not be sent again
    Given client A has been given the primary application
    When client A fetches everything its manifest names
    And client A fetches it all again, naming what it holds
    Then it is told that nothing has changed, or given the same again
