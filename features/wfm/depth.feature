@wfm
Feature: A WFM understands all of HTTP/1.1, and takes no harm from the rest
  Other clients than the usual ones write their requests in other ways. What the protocol permits is served, what is odd
  is served or refused, and nobody else notices either.

  @req:API-003
  Scenario Outline: What HTTP permits is served: <request>
    When client A sends <request> between ordinary requests
    Then it is served as HTTP has it, and the ordinary requests as ever

    Examples:
      | request                                         |
      | a head request                                  |
      | the whole address in its first line             |
      | many headers nobody knows                       |
      | names of headers in capital letters             |
      | a report in chunks                              |
      | a report that waits to be asked for             |
      | a report that comes slowly                      |
      | a report with blanks between its words          |
      | a report of many kilobytes                      |
      | a report with a parameter behind its media type |
      | two lines of forms                              |
      | a list of forms with empty places               |
      | its form in capital letters                     |
      | an unknown compression only                     |
      | a date it has changed since                     |

  @req:API-003 @req:ERR-001
  Scenario Outline: What is odd does no harm: <request>
    When client A sends <request> between ordinary requests
    Then it is served or refused, and the ordinary requests are served

    Examples:
      | request                                         |
      | a report of another media type                  |
      | a report without a media type                   |
      | a report with two media types                   |
      | a report with a member nobody knows at its root |
      | a report with a name given twice                |
      | a report that is compressed by its header only  |
      | a report in another encoding                    |
      | a report nested very deeply                     |
      | a header of many kilobytes                      |
      | an address of many kilobytes                    |
      | a query nobody knows                            |
      | a body where none belongs                       |
      | a range                                         |
      | a weight beyond one                             |
      | a weight that is a word                         |
      | a form that is no form                          |
      | a form with a parameter                         |
      | no tag behind If-None-Match                     |
      | a tag without its end                           |
      | a thousand tags                                 |
      | a tag of strange letters                        |

  @req:DC-040 @req:API-003
  Scenario: A report that breaks off is none
    Given client A has reported device "press-1"
    When client A breaks off while it reports device "press-2"
    And client A reports device "press-2"
    Then what broke off was not done

  @req:API-003
  Scenario: Connections that stand still keep nobody out
    Given client A has asked for its manifest
    When 12 connections of client A stand still
    And client A asks for its manifest
    And client B asks for its manifest
    Then everybody was served meanwhile

  @needs:northbound @req:DS-011 @req:DS-012 @req:DS-076
  Scenario: Several changes at once stay in order
    When the operator deploys the primary application to 4 devices of client A at once
    And client A asks for its manifest
    Then no version went back, and nothing was lost
